"""What paired measurements allow to conclude: intervals, sign-flip tests, Holm's correction.

Measurements are `[seeds, units]`: every training seed is tested on every unit, so both are
resampled, apart from each other. Resampling units anew within a seed would count the same units
once for every seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """How often each seed and each unit was drawn in each resample.

    Attributes:
        seeds: `[R, K]`.
        units: `[R, U]`, times the unit's size.
    """

    seeds: np.ndarray
    units: np.ndarray


def draws(seeds: int, sizes: np.ndarray, resamples: int, rng: np.random.Generator) -> Weights:
    """Draw resamples of `seeds` seeds and of units that have `sizes` `[U]` tokens."""
    units = len(sizes)
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples)
    of_units = rng.multinomial(units, np.full(units, 1 / units), resamples)
    return Weights(of_seeds.astype(float), of_units * np.asarray(sizes, float))


def means(values: np.ndarray, weights: Weights) -> np.ndarray:
    """Return the mean per token of `values` `[K, U]` in each resample, `[R]`; K may be 1.

    Arms that have no seed, and arms that have, keep to the same draws: their resampled means may be
    subtracted and divided.
    """
    seeds = weights.seeds if len(values) > 1 else np.ones((len(weights.seeds), 1))
    total = weights.units.sum(axis=1)
    # A unit that was not drawn counts nothing, even where its value is infinite.
    finite = np.where(np.isfinite(values), values, 0.0)
    found = np.einsum("rk,ku,ru->r", seeds, finite, weights.units, optimize=True)
    lost = np.einsum("rk,ku,ru->r", seeds, ~np.isfinite(values), weights.units, optimize=True)
    return np.where(lost > 0, np.inf, found / (seeds.sum(axis=1) * total))


def mean(values: np.ndarray, sizes: np.ndarray) -> float:
    """Return the mean per token of `values` `[K, U]`."""
    return float(np.mean(values, axis=0) @ sizes / np.sum(sizes))


def interval(resampled: np.ndarray, level: float = 0.95) -> list[float]:
    """Return the percentile interval of resampled values `[R]`."""
    ends = (1 - level) / 2, (1 + level) / 2
    return [float(x) for x in np.quantile(resampled, ends, method="nearest")]


def sign_flip(differences: np.ndarray, flips: int, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of a mean of 0 under flips of the signs of `[U]` values.

    Sizes, if units have them, are multiplied in before. With up to 16 units every pattern of signs
    is counted; else `flips` are drawn and the one observed is counted among them.
    """
    count = len(differences)
    if not np.all(np.isfinite(differences)):
        return float("nan")
    observed = abs(differences.sum()) * (1 - 1e-12)
    if count <= 16:
        patterns = (np.arange(2**count)[:, None] >> np.arange(count)) % 2
        return float(np.mean(np.abs((1 - 2 * patterns) @ differences) >= observed))
    signs = 1 - 2 * rng.integers(0, 2, (flips, count), dtype=np.int8)
    return float((1 + np.sum(np.abs(signs @ differences) >= observed)) / (1 + flips))


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    Reference: Holm, 1979.
    """
    order = np.argsort(p)
    raised = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(raised), 1.0)
    found = np.empty(len(p))
    found[order] = adjusted
    return found.tolist()
