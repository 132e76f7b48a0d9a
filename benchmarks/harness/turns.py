"""Arms take turns, so that whatever disturbs the machine disturbs all of them alike.

Only the standard library is imported: workers in foreign environments use this file too.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable


def timed(call: Callable[[int], object], least_s: float = 1e-3) -> Callable[[], float]:
    """Return an arm for `call(i)`, which blocks until its result is there.

    The arm's first call runs `call` once untimed, which compiles, and settles how often it repeats
    inside one sample: as often as a sample of `least_s` seconds needs, so that a call of some
    microseconds is not lost in the clock and the loop. A sample is the mean wall time of one call.
    `i` counts the calls; whoever needs a fresh key a call derives it from `i`.
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
            if fastest < least_s:  # the first steady calls may still be slow ones
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
    """Run the arms in turn; return the seconds of each of their runs.

    An arm, when called, runs once and returns the wall seconds it measured itself. Every arm first
    runs untimed, twice, or once where once already takes more than a second. The order is rotated
    from round to round. An arm whose `rounds` runs would cost more than its share of `budget_s`
    joins in only as many rounds as the share pays for, at least `least`, spread evenly: it is the
    slow arms that are cut short, never the fast ones beside them. `progress(done, total)` is told
    about every round.
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
