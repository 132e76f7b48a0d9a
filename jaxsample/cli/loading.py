"""A bar that shows how much of a large model is loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from jaxsample.cli import interrupt
from jaxsample.cli.terminal import terminals

LARGE = 200_000_000  # bytes of files


@contextlib.contextmanager
def bar(path: Path) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of the bytes loaded and of all bytes, which shows them on a terminal.

    It shows nothing unless the files of the model are large.
    """
    name, large = path.resolve().name, size(path) > LARGE
    console = terminals()[1]
    columns = TextColumn(f"loading {name}", markup=False), BarColumn(), DownloadColumn()
    shown = Progress(*columns, console=console, transient=True)
    with contextlib.ExitStack() as stack:

        def show(done: int, total: int) -> None:
            if large and console.is_terminal:
                if not shown.tasks:
                    shown.add_task("", total=total)
                    stack.enter_context(shown)
                    stack.enter_context(interrupt.closing(shown.stop))
                shown.update(shown.tasks[0].id, completed=done)

        yield show


def size(path: Path) -> int:
    """Return the bytes of the weights in a folder, or of a GGUF file.

    A model that is a name has 0: the packages that bring models are small.
    """
    files = path.glob("*.safetensors") if path.is_dir() else filter(Path.exists, [path])
    return sum(file.stat().st_size for file in files)
