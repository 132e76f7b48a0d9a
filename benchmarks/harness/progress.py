"""A progress bar on stderr, if rich is installed and stderr is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Yield `step(words)`, which ends the current step and begins one with this description."""
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
