"""Which part of a sampler may look at a row through a window, and running it so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.rows._window import Window


def through_window(
    sampler: Transform,
    row: Row,
    again: Callable[[], Row],
    state: Any,
    hidden: jax.Array | None,
) -> tuple[Window, Any] | None:
    """Do what `sampler.through` does, the last of its transforms on a window.

    These are the longest run at its end of the order kind or `windowed`. What stands before the run
    sees the whole row. None, a fact about the sampler and the size of
    the row alone, where a window is no use: no such run, no filter in it, or too small a row.

    Args:
        sampler, row, state, hidden: as for `Transform.through`.
        again: see `Window.of`.
    """
    many = isinstance(sampler, Chain)
    members: Any = tuple(sampler) if many else (sampler,)
    states = state if many else (state,)
    start = len(members)
    while start and _reads_a_row(members[start - 1]):
        start -= 1
    received = []
    for t, s in zip(members[:start], states[:start], strict=True):
        row, seen = t.through(row, s, hidden)
        received.append(seen)
    if start:
        changed = row
        again = lambda: changed  # noqa: E731
    window: Any = Window.of(row, again) if start < len(members) else None
    if window is None:
        return None
    for t, s in zip(members[start:], states[start:], strict=True):
        window, seen = t.through(window, s, hidden)
        received.append(seen)
    if not window.filtered:
        return None
    return window, tuple(received) if many else received[0]


def _reads_a_row(t: Transform) -> bool:
    return (t.kind == "order" or t.windowed) and type(t).__call__ is Transform.__call__
