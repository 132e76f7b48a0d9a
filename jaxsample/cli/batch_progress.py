"""The progress of a batch: a bar on a terminal, else a line every minute, and a summary."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from pathlib import Path
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from jaxsample.cli import interrupt
from jaxsample.cli.terminal import Terminal

PERIOD = 60.0  # seconds between lines where there is no bar


class Shown:
    """Shows on `notes` how many texts are done, the speed and the time left.

    Args:
        notes: the console of stderr.
        total: the number of texts.
        before: how many of them an earlier run drew.
    """

    def __init__(self, notes: Terminal, total: int, before: int):
        self._notes, self._total, self._before = notes, total, before
        self._reasons: Counter[str] = Counter()
        self._tokens = 0
        self._begun = self._said = time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=notes)
        self._task = self._bar.add_task("compiling", total=total, completed=before)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Shown:
        if self._notes.is_interactive:
            self._open.enter_context(self._bar)
            self._open.enter_context(interrupt.closing(self._bar.stop))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, reason: str, tokens: int) -> None:
        """Count one text that ended for a reason."""
        self._reasons[reason] += 1
        self._tokens += tokens
        done, now = self._before + self._reasons.total(), time.monotonic()
        said = f"{done} of {self._total} texts · {self._speed():,.0f} tokens/s"
        self._bar.update(self._task, completed=done, description=said)
        if not self._notes.is_interactive and now - self._said > PERIOD:
            left = (now - self._begun) / self._reasons.total() * (self._total - done)
            self._notes.print(f"{said} · {left / 60:.0f} minutes left", style="dim")
            self._said = now

    def summary(self, out: Path, most: int) -> str:
        """Return what was drawn, in lines."""
        drawn = self._reasons.total()
        lines = [f"{self._before + drawn} texts in {out}"]
        if self._before:
            lines[0] += f", {self._before} of them from before"
        if drawn:
            lines[0] += f"; {self._tokens} tokens, {self._speed():,.0f} tokens/s"
        if count := self._reasons["length"]:
            lines.append(f"{count} of {drawn} stopped at {most} tokens or at the last position")
        if count := self._reasons["invalid"]:
            lines.append(
                f"{count} of {drawn} broke off (finish_reason is invalid): the model or the "
                "sampler returned a NaN or only -inf"
            )
        return "\n".join(lines)

    def _speed(self):
        return self._tokens / (time.monotonic() - self._begun)
