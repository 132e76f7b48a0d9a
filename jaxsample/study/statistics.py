"""How sure a number is: means, differences and correlations with 95% intervals.

What varies is not a text but the item it was written for (and the seed it was written with), so
that is what the bootstrap draws again; intervals are percentiles of the resamples, somewhat narrow
for fewer than about twenty units. The same arguments give the same interval: resamples are drawn
from `key`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

LEVEL = 0.95
RESAMPLES = 4000
PORTION = 2_000_000  # numbers


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


class Correlation(NamedTuple):
    """A correlation with its 95% interval and its p-value.

    Attributes:
        value: in -1..1; NaN where one side does not vary.
        low, high: the ends of the interval.
        p: of no association, two-sided; not corrected for other tests, see `holm`.
        n: pairs.

    >>> correlation([1, 2, 3, 4], [1, 1, 1, 1])
    Correlation(value=nan, low=nan, high=nan, p=nan, n=4)
    """

    value: float
    low: float
    high: float
    p: float
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
    for some in _portions(table.size):
        by_item = _drawn(rng, count, some)
        by_seed = np.ones((some, 1)) if seeds is None else _drawn(rng, len(table), some)
        resampled.append(_means(table, by_seed, by_item))
    return Interval(value, *_ends(resampled), count)


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


def correlation(
    x: Sequence[float],
    y: Sequence[float],
    *,
    method: Literal["spearman", "pearson", "kendall"] = "spearman",
    key: int = 0,
) -> Correlation:
    """Return how two numbers of the same texts go together, with a bootstrap interval and a p.

    Args:
        x, y: `[N]`, a pair a unit; a pair with NaN is left out. Infinite values have a rank, but no
            Pearson correlation.
        method: "spearman" or "kendall" (tau-b) of the ranks, or "pearson".
        key: of the resamples.

    Returns:
        All but `n` NaN for fewer than three pairs or where one side does not vary.

    Raises:
        ValueError: if the lengths differ or there is no such method.

    >>> found = correlation([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(found.value, 3), round(found.p, 3), found.n
    (0.829, 0.042, 6)
    """
    from scipy import stats

    left, right = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"x and y must be [N], both, got {left.shape} and {right.shape}")
    tests: dict[str, Any] = {
        "spearman": stats.spearmanr,
        "pearson": stats.pearsonr,
        "kendall": stats.kendalltau,
    }
    if method not in tests:
        raise ValueError(f"method must be one of {', '.join(tests)}, got {method!r}")
    both = ~(np.isnan(left) | np.isnan(right))
    pairs = np.stack([left[both], right[both]])
    count = pairs.shape[1]
    if method != "pearson":
        pairs = stats.rankdata(pairs, axis=1)
    if count < 3 or not np.all(np.isfinite(pairs)) or not np.all(np.ptp(pairs, axis=1) > 0):
        return Correlation(math.nan, math.nan, math.nan, math.nan, count)
    value, p = tests[method](*pairs)
    rng = np.random.default_rng(key)
    resampled = [
        _correlations(method, *pairs[:, rng.integers(count, size=(some, count))])
        for some in _portions(count)
    ]
    low, high = _ends(resampled)
    return Correlation(float(value), low, high, float(p), count)


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p-values corrected for there being as many tests, by Holm's rule.

    To reject what is at most 0.05 after it keeps the chance of any false alarm among all the tests
    at 0.05, however they depend on each other. NaN, a test that could not be made, stays NaN and is
    not counted.

    Args:
        p: `[N]`, each in 0..1.

    Raises:
        ValueError: if one is out of range.

    Reference: Holm, 1979, https://www.jstor.org/stable/4615733

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    given = np.asarray(p, np.float64)
    if np.any((given < 0) | (given > 1)):
        raise ValueError(f"p-values must be in 0..1, got {given.tolist()}")
    corrected = np.full(given.shape, math.nan)
    order = np.argsort(given)[: np.sum(~np.isnan(given))]  # NaN sorts last
    steps = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


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


def _correlations(method, x, y) -> np.ndarray:
    """Return the correlation of each row of x and y `[R, N]`; NaN where one does not vary."""
    from scipy import stats

    if method == "kendall":
        tau, pairs = stats.kendalltau, zip(x, y, strict=True)
        return np.asarray([tau(*pair)[0] for pair in pairs])
    if method == "spearman":
        x, y = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
    x, y = (side - side.mean(axis=1, keepdims=True) for side in (x, y))
    with np.errstate(invalid="ignore"):
        return np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))


def _portions(size: int) -> Iterator[int]:
    """Split the resamples so that a portion of them, of so many numbers each, fits in memory."""
    step = max(PORTION // size, 1)
    for start in range(0, RESAMPLES, step):
        yield min(step, RESAMPLES - start)


def _drawn(rng: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    """Return how often each of `count` units is in a resample, `[resamples, count]`."""
    places = rng.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    drawn = np.bincount(places.ravel(), minlength=resamples * count)
    return drawn.reshape(resamples, count).astype(np.float64)


def _ends(resampled: list[np.ndarray]) -> tuple[float, float]:
    ends = np.nanquantile(np.concatenate(resampled), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(ends[0]), float(ends[1])
