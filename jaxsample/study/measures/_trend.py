"""Rank correlation of a measure with temperature, for texts that share noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from jaxsample.study.measures._correlations import Correlation
from jaxsample.study.measures._resampling import LEVEL, RESAMPLES, drawn, ends
from jaxsample.study.measures._statistics import mean

METHODS = "spearman", "kendall"
POWER = 0.8


def trend(
    x: Sequence[float],
    y: Sequence[float],
    items: Sequence[Hashable],
    draws: Sequence[Hashable],
    key: int = 0,
) -> dict[str, Correlation]:
    """Correlate y with x within each item, and take the mean over items.

    Texts of one item and draw share their noise at every x, so they are not independent. Therefore
    the bootstrap resamples whole draws, or whole items if there are several. The p-value compares
    the correlation with Student's t, with the standard error of those resamples. A permutation of x
    within each draw would test whether x has any effect at all, and reject far too often.

    Args:
        x, y: `[N]`; NaN is left out.
        items: `[N]`, the item of each text.
        draws: `[N]`, which of its item's noises each text was drawn with.
        key: the seed of the resamples.

    Returns:
        The correlations "spearman" and "kendall" (tau-b); `n` counts texts. The ends and `p` are
        NaN for a single draw of a single item.

    >>> y, draws = [3, 5, 8, 4, 3, 9, 1, 7, 6], [0, 0, 0, 1, 1, 1, 2, 2, 2]
    >>> found = trend([1, 2, 3] * 3, y, ["a"] * 9, draws)
    >>> round(found["kendall"].value, 3), found["kendall"].n
    (0.716, 9)
    """
    left, right = np.asarray(x, np.float64), np.asarray(y, np.float64)
    of_item, of_draw = _numbers(items), _numbers(draws)
    known = ~(np.isnan(left) | np.isnan(right))
    rng = np.random.default_rng(key)
    masks = [known & (of_item == item) for item in np.unique(of_item)]
    every = [_of_item(left[mask], right[mask], of_draw[mask], rng) for mask in masks]
    if len(every) == 1:
        return every[0]
    return {
        method: _of_items([one[method].value for one in every], int(known.sum()))
        for method in METHODS
    }


def detectable(found: Correlation, tests: int = 1) -> float:
    """Return the smallest correlation that such a study would detect with a power of 0.8.

    This is the normal approximation for two-sided tests. The standard error is that of the
    interval.

    Args:
        found: a correlation with its interval.
        tests: the number of tests that share the level of 0.05.

    >>> round(detectable(Correlation(0.1, 0.0, 0.2, 0.05, 400)), 3)
    0.143
    """
    error = (found.high - found.low) / (2 * _quantile(1))
    return error * (_quantile(tests) + _quantile())


def detectable_by(n: int) -> float:
    """Return the smallest detectable Spearman correlation of n independent pairs, 4 or more.

    Reference: Fieller, Hartley and Pearson, 1957, https://doi.org/10.1093/biomet/44.3-4.470

    >>> round(detectable_by(180), 3)
    0.213
    """
    return math.tanh((_quantile(1) + _quantile()) * math.sqrt(1.06 / (n - 3)))


def _quantile(tests: int | None = None) -> float:
    from scipy.stats import norm

    return float(norm.ppf(POWER if tests is None else 1 - (1 - LEVEL) / (2 * tests)))


def _numbers(names: Sequence[Hashable]) -> np.ndarray:
    """Number the names in order of appearance."""
    places = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.asarray([places[name] for name in names], np.int64)


def _p(value: float, error: float, units: int) -> float:
    from scipy.stats import t

    with np.errstate(divide="ignore", invalid="ignore"):
        return float(2 * t.sf(abs(np.float64(value)) / error, units - 1))


def _of_items(values: Sequence[float], texts: int) -> Correlation:
    there = [value for value in values if not math.isnan(value)]
    average = mean(there)
    error = float(np.std(there, ddof=1)) / math.sqrt(len(there)) if len(there) > 1 else math.nan
    p = _p(average.value, error, len(there))
    return Correlation(average.value, average.low, average.high, p, texts)


def _of_item(x, y, draws, rng) -> dict[str, Correlation]:
    draws = _numbers(draws.tolist())
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return dict.fromkeys(METHODS, Correlation(math.nan, math.nan, math.nan, math.nan, len(x)))
    count = int(draws.max()) + 1
    taken = drawn(rng, count, RESAMPLES)
    found = {}
    for method, prepared in (("spearman", _spearman), ("kendall", _kendall)):
        of = prepared(x, y, draws)
        value = float(of(np.ones((1, count)))[0])
        low = high = error = math.nan
        if count > 1:
            resampled = of(taken)
            low, high = ends([resampled])
            error = float(np.nanstd(resampled))
        found[method] = Correlation(value, low, high, _p(value, error, count), len(x))
    return found


def _spearman(x, y, draws) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from the counts of each draw `[R, D]` to the correlations `[R]`."""
    # The rank of a text is the number of texts below it, and half the number of its ties.
    below = [_by_draw((1 - _signs(side)) / 2, draws) for side in (x, y)]

    def of(taken):
        weights = taken[:, draws]
        a, b = (taken @ one for one in below)
        a, b = (s - np.average(s, 1, weights, keepdims=True) for s in (a, b))
        return _ratio(*(np.sum(weights * product, 1) for product in (a * b, a * a, b * b)))

    return of


def _kendall(x, y, draws) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from the counts of each draw `[R, D]` to the correlations `[R]`."""
    a, b = _signs(x), _signs(y)
    tables = [_by_draw(_by_draw(one, draws).T, draws) for one in (a * b, a * a, b * b)]

    def of(taken):
        return _ratio(*(np.sum((taken @ table) * taken, 1) for table in tables))

    return of


def _signs(x):
    return np.sign(x[:, None] - x[None, :])


def _by_draw(table, draws):
    """Sum the rows of each draw."""
    found = np.zeros((int(draws.max()) + 1, table.shape[1]))
    np.add.at(found, draws, table)
    return found


def _ratio(ab, aa, bb):
    with np.errstate(invalid="ignore"):  # a resample may hold a single value
        return ab / np.sqrt(aa * bb)
