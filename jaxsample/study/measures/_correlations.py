"""Correlations with intervals, and p-values corrected for many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxsample.study.measures._resampling import ends, portions


class Correlation(NamedTuple):
    """A correlation with its 95% interval and its p-value.

    Attributes:
        value: in -1..1; NaN if one side does not vary.
        low, high: the ends of the interval.
        p: the two-sided p-value of no association, not corrected for other tests; see `holm`.
        n: the number of pairs.

    >>> correlation([1, 2, 3, 4], [1, 1, 1, 1])
    Correlation(value=nan, low=nan, high=nan, p=nan, n=4)
    """

    value: float
    low: float
    high: float
    p: float
    n: int


def correlation(
    x: Sequence[float],
    y: Sequence[float],
    *,
    method: Literal["spearman", "pearson", "kendall"] = "spearman",
    key: int = 0,
) -> Correlation:
    """Return the correlation of two measures, with a bootstrap interval and a p-value.

    Args:
        x, y: `[N]`; pairs with NaN are left out. Infinite values have a rank, but no Pearson
            correlation.
        method: "spearman" or "kendall" (tau-b) of the ranks, or "pearson".
        key: the seed of the resamples.

    Returns:
        The correlation; all of it but `n` is NaN for fewer than three pairs, or if one side does
        not vary.

    Raises:
        ValueError: if the lengths differ or the method is unknown.

    >>> found = correlation([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(found.value, 3), round(found.p, 3), found.n
    (0.829, 0.042, 6)
    """
    from scipy import stats

    left, right = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"x and y must both be [N], got {left.shape} and {right.shape}")
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
        for some in portions(count)
    ]
    low, high = ends(resampled)
    return Correlation(float(value), low, high, float(p), count)


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p-values corrected for the number of tests, by Holm's rule.

    Rejecting every corrected p of at most 0.05 keeps the chance of any false rejection among all
    tests at 0.05, however the tests depend on each other. NaN stands for a test that could not be
    made; it stays NaN and is not counted.

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


def _correlations(method, x, y) -> np.ndarray:
    """Return the correlation of each row of x and y `[R, N]`; NaN if one does not vary."""
    from scipy import stats

    if method == "kendall":
        tau, pairs = stats.kendalltau, zip(x, y, strict=True)
        return np.asarray([tau(*pair)[0] for pair in pairs])
    if method == "spearman":
        x, y = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
    x, y = (side - side.mean(axis=1, keepdims=True) for side in (x, y))
    with np.errstate(invalid="ignore"):
        return np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
