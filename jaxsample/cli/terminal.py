"""The consoles of the commands: results go to stdout and remarks to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from rich.console import Console

from jaxsample.cli import interrupt


class Terminal(Console):
    """A console that lets `main` handle a pipe that its reader, such as `head`, closed."""

    def on_broken_pipe(self) -> None:
        """Raise the error that Rich is handling."""
        raise


def terminals() -> tuple[Terminal, Terminal]:
    """Return the console of stdout and that of stderr."""
    return Terminal(highlight=False), Terminal(stderr=True, highlight=False)


def edited(prompt: str) -> str:
    """Return a line that the user may edit, earlier ones at the arrow keys; "" at the end."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  # `input` edits with it
    with _restored():
        try:
            return input(prompt) + "\n"
        except EOFError:
            return ""


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Leave the terminal of stdin as it is now, also when Ctrl-C ends the program."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)

    def restore():
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        if threading.current_thread() is not threading.main_thread():  # Ctrl-C; leave the line
            os.write(2, b"\n")

    with interrupt.closing(restore):
        yield
