"""The search for a threshold on accelerators: a fixed number of passes over all rows of a batch.

Nothing waits for a row to be done, so every batch costs the same, whatever its distributions. A TPU
compares and adds: scatters are slow there. A GPU adds into histograms: there every kernel has a
price of its own.

The search runs over the bits of the threshold, the highest first, so it is exact for every float32
value. Sums of integers are the same in any order, so both functions return the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._float_bits import ordered, unordered

Weights = jax.Array | Callable[[jax.Array], jax.Array]

LOWEST = -(2**31)  # below the key of every float32 value
DIGIT = 4  # bits that a pass on a TPU finds: 15 sums cost little more than one, 31 twice as much
HALF = 16  # bits that a histogram on a GPU finds: two of them are a whole key
BINS = 2**HALF
SIDE = 2 ** (HALF // 2)  # the bins lie in SIDE groups of SIDE bins


def search_on_tpu(values: jax.Array, weights: Weights, want: jax.Array) -> jax.Array:
    """Return the largest value t of each row such that the weights of values >= t reach `want`.

    Eight passes sum above 15 thresholds at once.

    Args:
        values: `[R, ..]` float32, -inf where a token is dropped.
        weights: `[R, ..]` int32, >= 0, 0 where a token is dropped, with a sum below 2**31; or a
            function that computes them from the values. A pass then reads the values alone, which
            takes two thirds of the time.
        want: `[R]` int32, >= 1.

    Returns:
        `[R]` float32, -inf where all weights of a row do not reach `want`.
    """

    within = tuple(range(1, values.ndim))  # the axes of a row

    def find_digit(i, low):
        # The barrier keeps XLA from computing the weights before the loop, to read them in it.
        row, low = lax.optimization_barrier((values, low))
        spared = (DIGIT * i).astype(jnp.uint32)  # high bits that are known
        # The key of t is at most `largest` above `low`; what lies outside is moved to the ends.
        largest = lax.shift_right_logical(jnp.uint32(2**32 - 1), spared)
        least = jnp.expand_dims(low, within)
        above = jnp.maximum(ordered(row + 0.0), least) - least
        above = jnp.minimum(above.astype(jnp.uint32), largest)
        # Digits, because a pass that compares with constants takes two thirds of the time of one
        # that reads 15 arrays of thresholds.
        shift = 32 - DIGIT - spared
        digits, counted = (above >> shift).astype(jnp.int32), _weigh(weights, row)
        sums = [jnp.sum(jnp.where(digits >= d, counted, 0), within) for d in range(1, 2**DIGIT)]
        digit = sum((s >= want).astype(jnp.int32) for s in sums)
        return low + (digit << shift.astype(jnp.int32))

    # Another barrier: XLA would choose between a constant and `low` in every pass.
    low = lax.optimization_barrier(jnp.full_like(want, LOWEST))
    low = lax.fori_loop(0, 32 // DIGIT, find_digit, low)
    return jnp.where(low == LOWEST, -jnp.inf, unordered(low))


def search_on_gpu(values: jax.Array, weights: Weights, want: jax.Array) -> jax.Array:
    """Return what `search_on_tpu` returns.

    A histogram of the upper halves of the keys and one of the lower halves take 14 kernels.
    """
    rows = ordered(values + 0.0), _weigh(weights, values)
    keys, weights = (x.reshape(x.shape[0], -1) for x in rows)
    uppers, lowers = (keys >> HALF) + BINS // 2, keys & (BINS - 1)
    upper, left = _last_bin(_histogram(uppers, weights), want)
    inside = jnp.where(uppers == upper[:, None], weights, 0)
    lower, _ = _last_bin(_histogram(lowers, inside), left)
    found = unordered(((upper - BINS // 2) << HALF) | lower)
    return jnp.where(upper < 0, -jnp.inf, found)


def _histogram(bins, weights):
    """Return the sums of the weights in each bin, `[R, SIDE, SIDE]`."""
    rows = jnp.arange(weights.shape[0], dtype=jnp.int32)[:, None]
    bins = jnp.where(weights > 0, bins, BINS)  # outside: nothing is added for a weight of 0
    empty = jnp.zeros((weights.shape[0], BINS), jnp.int32)
    return empty.at[rows, bins].add(weights, mode="drop").reshape(-1, SIDE, SIDE)


def _last_bin(histogram, want):
    """Return the last bin such that it and all bins after it sum to `want`; negative if none.

    The second result is how much of `want` the bins after it leave.
    """
    rows = jnp.arange(histogram.shape[0], dtype=jnp.int32)
    group, want = _last(jnp.sum(histogram, 2), want)
    place, want = _last(histogram.at[rows, group].get(mode="clip"), want)
    return jnp.where(group < 0, -1, group * SIDE + place), want


def _last(sums, want):
    """Do what `_last_bin` does for one level, `[R, N]`."""
    i = jnp.arange(sums.shape[1], dtype=jnp.int32)
    # All pairs are compared, since a cumulative sum takes several kernels.
    from_here = jnp.sum(jnp.where(i[None, None, :] >= i[None, :, None], sums[:, None, :], 0), 2)
    reached = from_here >= want[:, None]
    after = jnp.max(jnp.where(reached, 0, from_here), 1)
    return jnp.sum(reached.astype(jnp.int32), 1) - 1, want - after


def _weigh(weights, values):
    return weights(values) if callable(weights) else weights
