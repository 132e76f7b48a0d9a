"""A progress bar for long runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(wanted: bool, total: int, first: int) -> Iterator[Callable[[int, dict], None]]:
    """Show a bar with the remaining time and some figures; yields `(step, figures) -> None`.

    Args:
        wanted: whether to show the bar; if not, the function yielded does nothing.
        total: the number of steps.
        first: the number of steps that are done already.

    Raises:
        ImportError: if a bar is wanted and rich is not installed.
    """
    if not wanted:
        yield lambda step, entry: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError as error:
        raise ImportError("a progress bar needs: pip install rich") from error
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("compiling", total=total, completed=first)

        def show(step: int, entry: dict) -> None:
            words = [f"{name} {value:.4g}" for name, value in entry.items() if name != "step"]
            progress.update(task, completed=step, description=" · ".join(words))

        yield show
