"""Time several arms in turn, so that a disturbance of the machine affects all of them alike.

This file imports only the standard library, because workers in other environments use it too.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable


def timed(call: Callable[[int], object], least_s: float = 1e-3) -> Callable[[], float]:
    """Return an arm for `call(i)`, which must block until its result is ready.

    The arm returns the mean wall time of one call in a sample. Its first call runs `call` untimed,
    which compiles it, and chooses the number of repeats so that a sample takes at least `least_s`
    seconds. Otherwise the clock and the loop would distort calls of some microseconds. `i` counts
    the calls; a call derives its key from it.
    """
    count = itertools.count()
    repeats = 0

    def once() -> float:
        start = time.perf_counter()
        call(next(count))
        return time.perf_counter() - start

    def arm() -> float:
        nonlocal repeats
        if not repeats:
            once()
            fastest = once()
            if fastest < least_s:  # the first calls after compilation may still be slow
                fastest = min(fastest, *(once() for _ in range(5)))
            repeats = max(1, math.ceil(least_s / max(fastest, 1e-9)))
        start = time.perf_counter()
        for _ in range(repeats):
            call(next(count))
        return (time.perf_counter() - start) / repeats

    return arm


def take_turns(
    arms: dict[str, Callable[[], float]],
    rounds: int,
    budget_s: float,
    least: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, list[float]]:
    """Run the arms in turn; return the seconds of the runs of each arm.

    A call of an arm runs it once and returns the wall seconds that it measured itself. Every arm
    first runs twice untimed, or once if that takes more than a second. The order rotates from round
    to round. An arm whose `rounds` runs would exceed its share of `budget_s` runs in fewer rounds,
    spread evenly, but at least in `least`. So a slow arm has fewer runs, and a fast arm next to it
    has all. `progress(done, total)` is called after every round.
    """
    share = budget_s / max(len(arms), 1)
    runs = {}
    for name, arm in arms.items():
        wall = _wall(arm)
        if wall < 1:
            wall = _wall(arm)
        runs[name] = min(rounds, max(least, int(share / max(wall, 1e-9))))
    times: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for i in range(rounds):
        turn = i % max(len(names), 1)
        for name in names[turn:] + names[:turn]:
            if (i + 1) * runs[name] // rounds > i * runs[name] // rounds:
                times[name].append(arms[name]())
        if progress:
            progress(i + 1, rounds)
    return times


def _wall(arm):
    start = time.perf_counter()
    arm()
    return time.perf_counter() - start
