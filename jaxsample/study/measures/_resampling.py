"""Bootstrap resamples and the ends of their intervals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

LEVEL = 0.95
RESAMPLES = 4000
PORTION = 2_000_000  # the largest number of numbers in memory at once


def portions(size: int) -> Iterator[int]:
    """Split the resamples, of `size` numbers each, into portions that fit in memory."""
    step = max(PORTION // size, 1)
    for start in range(0, RESAMPLES, step):
        yield min(step, RESAMPLES - start)


def drawn(rng: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    """Return how often each resample holds each of `count` units, `[resamples, count]`."""
    places = rng.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    drawn = np.bincount(places.ravel(), minlength=resamples * count)
    return drawn.reshape(resamples, count).astype(np.float64)


def ends(resampled: list[np.ndarray]) -> tuple[float, float]:
    """Return the 2.5% and 97.5% quantiles of all portions together, without NaN."""
    low, high = np.nanquantile(np.concatenate(resampled), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
