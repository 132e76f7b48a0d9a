"""How sure a number is: means and differences with 95% intervals.

What varies is not a text but the item it was written for (and the seed it was written with), so
that is what the bootstrap draws again; intervals are percentiles of the resamples, somewhat narrow
for fewer than about twenty units. The same arguments give the same interval: resamples are drawn
from `key`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from jaxsample.study.measure._resampling import drawn, ends, portions


class Interval(NamedTuple):
    """A number and where it lies with 95% confidence; NaN ends where that cannot be said.

    Attributes:
        value: the estimate.
        low, high: the ends.
        n: how many units it rests on.

    >>> mean([2.0, 2.0, 2.0])
    Interval(value=2.0, low=2.0, high=2.0, n=3)
    """

    value: float
    low: float
    high: float
    n: int


def mean(
    values: Sequence[float],
    *,
    items: Sequence[Hashable] | None = None,
    seeds: Sequence[Hashable] | None = None,
    key: int = 0,
) -> Interval:
    """Return the mean over items with its bootstrap interval.

    Values of one item are averaged first, so every item weighs the same, and items are drawn again
    as they are: many samples of few prompts do not make an interval narrow. NaN, a value that is
    not defined for its text, is left out.

    With `seeds` the mean is over seeds of the means over items, and both are drawn again, the same
    items for every seed: items drawn anew within each seed would count the spread of the items a
    number-of-seeds times too small. A bootstrap of two or three units is too narrow whatever it
    does; take five seeds or more.

    Args:
        values: `[N]`.
        items: `[N]`, the item of each value; by default every value is an item of its own.
        seeds: `[N]`, the seed of each value.
        key: of the resamples.

    Returns:
        `n` counts the items; the ends are NaN for fewer than two of them, or of seeds where given,
        and where a value is infinite.

    Raises:
        ValueError: if the lengths differ.

    >>> mean([1.0, 3.0, 2.0, 6.0], items=["a", "a", "b", "b"])
    Interval(value=3.0, low=2.0, high=4.0, n=2)
    """
    table = _table(values, items, seeds)
    if not table.size:
        return Interval(math.nan, math.nan, math.nan, 0)
    value = float(_means(table, np.ones((1, len(table))), np.ones((1, table.shape[1])))[0])
    count = table.shape[1]
    if count < 2 or seeds is not None and len(table) < 2 or not math.isfinite(value):
        return Interval(value, math.nan, math.nan, count)
    rng = np.random.default_rng(key)
    resampled = []
    for some in portions(table.size):
        by_item = drawn(rng, count, some)
        by_seed = np.ones((some, 1)) if seeds is None else drawn(rng, len(table), some)
        resampled.append(_means(table, by_seed, by_item))
    return Interval(value, *ends(resampled), count)


def paired_difference(
    a: Sequence[float],
    b: Sequence[float],
    *,
    items_a: Sequence[Hashable] | None = None,
    items_b: Sequence[Hashable] | None = None,
    key: int = 0,
) -> Interval:
    """Return the mean of a - b over the items of both, with its bootstrap interval.

    Values of one item are averaged on each side, then subtracted item by item: what makes an item
    hard for both settings cancels. An item that one side has no value for is left out.

    Args:
        a, b: `[N]`, `[M]`.
        items_a, items_b: the item of each value; by default a[i] and b[i] belong together.
        key: of the resamples.

    Raises:
        ValueError: if the lengths do not fit, or only one side's items are given.

    >>> paired_difference([11.0, 52.0], [10.0, 50.0])
    Interval(value=1.5, low=1.0, high=2.0, n=2)
    """
    if (items_a is None) != (items_b is None):
        raise ValueError("give the items of both sides, or of neither")
    if items_a is None and len(a) != len(b):
        raise ValueError(f"{len(a)} values cannot be paired with {len(b)} without their items")
    left, right = (
        {item: x for (_, item), x in _cells(side, items, None).items()}
        for side, items in ((a, items_a), (b, items_b))
    )
    return mean([left[item] - right[item] for item in left if item in right], key=key)


def _cells(values, items, seeds) -> dict[tuple[Hashable, Hashable], float]:
    """Return the mean of what is defined, by (seed, item), in order of appearance."""
    items = range(len(values)) if items is None else items
    seeds = [None] * len(values) if seeds is None else seeds
    if not len(values) == len(items) == len(seeds):
        raise ValueError(
            f"{len(values)} values, {len(items)} items and {len(seeds)} seeds: "
            "there must be as many of each"
        )
    cells: dict[tuple[Hashable, Hashable], list[float]] = {}
    for value, item, seed in zip(values, items, seeds, strict=True):
        if not math.isnan(value):
            cells.setdefault((seed, item), []).append(float(value))
    return {place: sum(found) / len(found) for place, found in cells.items()}


def _table(values, items, seeds) -> np.ndarray:
    """Return the cells as `[seeds, items]`, NaN where there is none."""
    cells = _cells(values, items, seeds)
    rows = {seed: i for i, seed in enumerate(dict.fromkeys(seed for seed, _ in cells))}
    columns = {item: i for i, item in enumerate(dict.fromkeys(item for _, item in cells))}
    table = np.full((len(rows), len(columns)), math.nan)
    for (seed, item), value in cells.items():
        table[rows[seed], columns[item]] = value
    return table


def _means(table, by_seed, by_item) -> np.ndarray:
    """Return the mean over seeds of the means over items, `[R]`, each so many times as drawn.

    Args:
        table: `[S, I]`, NaN where a seed has no value of an item.
        by_seed, by_item: `[R, S]` and `[R, I]`, how often each was drawn.
    """
    missing = np.isnan(table)
    with np.errstate(invalid="ignore"):
        means = (by_item @ np.where(missing, 0.0, table).T) / (by_item @ (1.0 - missing).T)
        undrawn = np.isnan(means)
        total = np.sum(np.where(undrawn, 0.0, means * by_seed), axis=1)
        return total / np.sum(np.where(undrawn, 0.0, by_seed), axis=1)
