"""Means and differences with 95% bootstrap intervals.

The bootstrap resamples items (and seeds), not texts, because texts of one item are alike. Intervals
are percentiles of the resamples; they are somewhat narrow for fewer than about twenty units. The
same arguments give the same interval, because the resamples are drawn from `key`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from jaxsample.study.measures._resampling import drawn, ends, portions


class Interval(NamedTuple):
    """A number with its 95% interval.

    Attributes:
        value: the estimate.
        low, high: the ends of the interval; NaN if there are too few units for one.
        n: the number of units.

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

    The values of one item are averaged first, so that every item has the same weight. The bootstrap
    resamples items, so many samples of few prompts do not make an interval narrow. NaN stands for a
    value that is not defined and is left out.

    With `seeds` the mean is that over seeds of the means over items. Seeds and items are both
    resampled, the same items for every seed; other items for each seed would understate the spread
    of the items. A bootstrap of two or three units is always too narrow, so use five seeds or more.

    Args:
        values: `[N]`.
        items: `[N]`, the item of each value; by default every value is its own item.
        seeds: `[N]`, the seed of each value.
        key: the seed of the resamples.

    Returns:
        The mean; `n` counts the items. The ends are NaN for fewer than two items or seeds, and if a
        value is infinite.

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

    The values of one item are averaged on each side, then subtracted item by item, so that the
    difficulty of an item cancels. Items without a value on one side are left out.

    Args:
        a, b: `[N]`, `[M]`.
        items_a, items_b: the item of each value; by default a[i] and b[i] have the same item.
        key: the seed of the resamples.

    Raises:
        ValueError: if the lengths do not fit, or the items of only one side are given.

    >>> paired_difference([11.0, 52.0], [10.0, 50.0])
    Interval(value=1.5, low=1.0, high=2.0, n=2)
    """
    if (items_a is None) != (items_b is None):
        raise ValueError("give the items of both sides or of neither")
    if items_a is None and len(a) != len(b):
        raise ValueError(f"{len(a)} values cannot be paired with {len(b)} without their items")
    left, right = (
        {item: x for (_, item), x in _cells(side, items, None).items()}
        for side, items in ((a, items_a), (b, items_b))
    )
    return mean([left[item] - right[item] for item in left if item in right], key=key)


def _cells(values, items, seeds) -> dict[tuple[Hashable, Hashable], float]:
    """Return the means of the defined values by (seed, item), in order of appearance."""
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
    """Return the means as `[seeds, items]`, NaN where there is no value."""
    cells = _cells(values, items, seeds)
    rows = {seed: i for i, seed in enumerate(dict.fromkeys(seed for seed, _ in cells))}
    columns = {item: i for i, item in enumerate(dict.fromkeys(item for _, item in cells))}
    table = np.full((len(rows), len(columns)), math.nan)
    for (seed, item), value in cells.items():
        table[rows[seed], columns[item]] = value
    return table


def _means(table, by_seed, by_item) -> np.ndarray:
    """Return for each resample the mean over seeds of the means over items, `[R]`.

    Args:
        table: `[S, I]`, NaN where a seed has no value of an item.
        by_seed, by_item: `[R, S]` and `[R, I]`, how often each resample holds each unit.
    """
    missing = np.isnan(table)
    with np.errstate(invalid="ignore"):
        means = (by_item @ np.where(missing, 0.0, table).T) / (by_item @ (1.0 - missing).T)
        undrawn = np.isnan(means)
        total = np.sum(np.where(undrawn, 0.0, means * by_seed), axis=1)
        return total / np.sum(np.where(undrawn, 0.0, by_seed), axis=1)
