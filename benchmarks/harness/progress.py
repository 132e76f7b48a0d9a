"""A progress bar on stderr where rich is installed and somebody watches, nothing otherwise."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Yield `step(words)`: what is being done now, the step before it being done."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda words: None
        return
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)
        begun = 0

        def step(words):
            nonlocal begun
            bar.update(task, description=words, completed=begun)
            begun += 1

        yield step
        bar.update(task, completed=total)
