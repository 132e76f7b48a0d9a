"""Running the end of a sampler on a window of the row."""

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
    """Run `sampler.through`, with its last transforms on a window of the row.

    The transforms that run on the window are the longest run at the end of the chain whose kind is
    "order" or that are `windowed`. Earlier transforms see the whole row.

    Returns None if a window does not help: there is no such run, it has no filter, or the row is
    too small. This depends on the sampler and the size of the row alone.

    Args:
        sampler, row, state, hidden: as for `Transform.through`.
        again: as for `Window.of`.
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
