"""The blocks that hold a row's largest values: exact, and found without sorting the row."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels.threshold import smallest_value
from jaxsample.kernels.tree import block_sums, blocks, pair_sums

WIDTH = 64  # how many of the largest values are certain to be inside


class Blocks(NamedTuple):
    """Some whole blocks of a row.

    Attributes:
        values: `[K, BLOCK]`, -inf past the end of the row.
        ids: `[K]` int32, which blocks, ascending.
        edge: the largest value outside of them, -inf if there is none.
    """

    values: jax.Array
    ids: jax.Array
    edge: jax.Array


def largest_blocks(values: jax.Array) -> Blocks | None:
    """Return the `WIDTH` blocks of a row `[V]` with the largest maxima; None if it has no more.

    Fewer than k blocks have a maximum above the k-th largest value, so the `WIDTH` largest values,
    and every value above `edge`, lie in these blocks.
    """
    rows = blocks(values, -jnp.inf)
    if rows.shape[0] <= WIDTH:
        return None
    # The barrier keeps XLA on the CPU from turning a top-k whose output is sliced into a sort.
    maxima, ids = lax.optimization_barrier(lax.top_k(jnp.max(rows, axis=1), WIDTH + 1))
    ids = jnp.sort(ids[:WIDTH])
    return Blocks(rows[ids], ids, maxima[WIDTH])


def sorted_values(values: jax.Array) -> jax.Array:
    """Return the `WIDTH` largest of the values `[K, BLOCK]`, descending."""
    return lax.optimization_barrier(lax.top_k(values.reshape(-1), WIDTH)[0])


def window_sum(terms: jax.Array, ids: jax.Array, count: int) -> jax.Array:
    """Sum terms `[K, BLOCK]` of blocks `ids` `[K]` out of `count` in the order of `tree_sum`.

    All other blocks count as exact zeros, so the sum has the bits of the row's own.
    """
    return pair_sums(jnp.zeros(count, terms.dtype).at[ids].set(block_sums(terms)))


def value_at_window_mass(
    values: jax.Array,
    weights: jax.Array,
    ids: jax.Array,
    count: int,
    mass: jax.Array,
    edge: jax.Array,
) -> jax.Array:
    """Return what `value_at_mass` says of the whole row, or NaN where the window does not know.

    A guess by a running sum over the largest values is moved until the sums in the row's own order
    confirm it: less than `mass` above it, no less above the next value.

    Args:
        values, weights: `[K, BLOCK]`, blocks `ids` out of `count`.
        mass: as for `value_at_mass`.
        edge: the largest value outside, -inf if nothing is kept there.
    """
    ranked, at = lax.optimization_barrier(lax.top_k(values.reshape(-1), WIDTH))
    ranked = jnp.maximum(ranked, edge)
    sums = jnp.cumsum(weights.reshape(-1)[at])
    last = WIDTH - 1

    def qualifies(j):
        above = jnp.where(values > ranked[j], weights, 0.0)
        return window_sum(above, ids, count) < mass

    def move(state):
        j, _ = state
        here, below = qualifies(j), qualifies(jnp.minimum(j + 1, last))
        up, down = ~here & (j > 0), here & below & (j < last)
        return jnp.where(up, j - 1, jnp.where(down, j + 1, j)), ~(up | down)

    start = jnp.clip(jnp.sum(sums < mass), 0, last)
    j, _ = lax.while_loop(lambda state: ~state[1], move, (start, jnp.bool_(False)))
    value = ranked[j]
    everything = jnp.where(value == -jnp.inf, smallest_value(values), jnp.nan)
    known = (value > edge) & (j < last)
    return jnp.where(known & ~jnp.isnan(mass), value, jnp.where(mass > 0, everything, jnp.nan))
