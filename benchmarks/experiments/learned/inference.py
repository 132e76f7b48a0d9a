"""Intervals and a test for arms that were measured on the same units.

Measurements are `[K, U]`: each of K training seeds is tested on all of U units. A unit counts by
its number of tokens.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import stats

from jaxsample import study

MEDIANS = 500
"""Resamples of a median."""


def per_token(values: np.ndarray, sizes: np.ndarray) -> float:
    """Return the mean per token of `values` `[K, U]`, for units of `sizes` `[U]` tokens."""
    return float(np.mean(values, axis=0) @ sizes / np.sum(sizes))


def interval(values: np.ndarray, sizes: np.ndarray) -> list[float] | None:
    """Return the 95% bootstrap interval of `per_token`, over seeds and units; None if infinite.

    `jaxsample.study.mean` weighs units alike. So it is given the linearised mean per token,
    m + (value - m) size / (mean size), which has the same mean and, to first order, the same
    spread.
    """
    middle = per_token(values, sizes)
    if not np.isfinite(middle):
        return None
    linear = middle + (values - middle) * sizes / np.mean(sizes)
    seeds, units = (x.ravel().tolist() for x in np.indices(values.shape))
    found = study.mean(linear.ravel(), items=units, seeds=seeds if len(values) > 1 else None)
    return [found.low, found.high]


def median_interval(values: np.ndarray, units: np.ndarray, seed: int) -> list[float]:
    """Return the 95% bootstrap interval of a median, over seeds and units.

    Args:
        values: `[K, N]`, K seeds at N positions.
        units: `[N]`, the unit of each position.
        seed: of the resamples.
    """
    rng = np.random.default_rng(seed)
    members = [np.nonzero(units == unit)[0] for unit in np.unique(units)]
    found = []
    for _ in range(MEDIANS):
        seeds = rng.integers(0, len(values), len(values))
        drawn = rng.integers(0, len(members), len(members))
        found.append(np.median(values[seeds][:, np.concatenate([members[u] for u in drawn])]))
    return np.quantile(found, (0.025, 0.975), method="nearest").tolist()


def sign_flip(
    differences: np.ndarray,
    flips: int,
    seed: int,
    alternative: Literal["two-sided", "greater"] = "two-sided",
) -> float:
    """Return the p-value of a mean of 0 under flips of the signs of `[U]` values.

    The alternative "greater" gives that of a mean of at most 0.
    """
    found = stats.permutation_test(
        (differences,),
        lambda x, axis: np.sum(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=flips,
        batch=1000,
        alternative=alternative,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)
