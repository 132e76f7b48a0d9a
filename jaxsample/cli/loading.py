"""A bar that shows how much of a large model is loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from jaxsample.cli import interrupt
from jaxsample.cli.terminal import terminals

LARGE = 200_000_000  # bytes of parameters


@contextlib.contextmanager
def bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of the bytes loaded and of all bytes, which shows them on a terminal."""
    console = terminals()[1]
    columns = TextColumn(f"loading {name}", markup=False), BarColumn(), DownloadColumn()
    shown = Progress(*columns, console=console, transient=True)
    with contextlib.ExitStack() as stack:

        def show(done: int, total: int) -> None:
            if total > LARGE and console.is_terminal:
                if not shown.tasks:
                    shown.add_task("", total=total)
                    stack.enter_context(shown)
                    stack.enter_context(interrupt.closing(shown.stop))
                shown.update(shown.tasks[0].id, completed=done)

        yield show
