"""Where the commands print: results on stdout, remarks on stderr."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console that leaves a reader that went away, `head` perhaps, to `main`."""

    def on_broken_pipe(self) -> None:
        """Raise the error that Rich is handling."""
        raise


def terminals() -> tuple[Terminal, Terminal]:
    """Return the console of stdout and that of stderr."""
    return Terminal(highlight=False), Terminal(stderr=True, highlight=False)
