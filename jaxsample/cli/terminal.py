"""The consoles of the commands: results go to stdout and remarks to stderr."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console that lets `main` handle a pipe that its reader, such as `head`, closed."""

    def on_broken_pipe(self) -> None:
        """Raise the error that Rich is handling."""
        raise


def terminals() -> tuple[Terminal, Terminal]:
    """Return the console of stdout and that of stderr."""
    return Terminal(highlight=False), Terminal(stderr=True, highlight=False)
