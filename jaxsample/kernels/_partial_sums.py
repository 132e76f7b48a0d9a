"""Sums and thresholds of a row, from the blocks that contain its largest values."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._ranked import settled
from jaxsample.kernels._tree import block_sums, pair_sums

# SLACK exceeds the largest relative rounding difference between two summation orders of terms >= 0.
# A sum over the largest values is wrong by less than 2**-24 for each of its WIDTH terms, a tree sum
# by less than 2**-24 for each of some 30 levels. Twice their total is 1.2e-5.
SLACK = 2e-5


def window_sum(terms: jax.Array, ids: jax.Array, count: int) -> jax.Array:
    """Sum the terms `[K, BLOCK]` of the blocks `ids` `[K]` in the order of `tree_sum`.

    The other blocks, out of `count`, count as exact zeros, so the sum has the same bits as that of
    the whole row.
    """
    return pair_sums(jnp.zeros(count, terms.dtype).at[ids].set(block_sums(terms)))


def quick_sum(terms: jax.Array) -> jax.Array:
    """Sum terms `[K, BLOCK]` in a faster order; the result is close to `window_sum`."""
    return jnp.sum(block_sums(terms))


def value_at_window_mass(
    values: jax.Array,
    weights: jax.Array,
    ids: jax.Array,
    count: int,
    ranked: jax.Array,
    ranked_weights: jax.Array,
    edge: jax.Array,
    mass: jax.Array,
    exact_mass: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """Return the `value_at_mass` of the whole row, or NaN if the window does not determine it.

    Sums over the largest values decide if no summation order could give another result. Otherwise
    they give a first guess, which moves until sums in the order of `tree_sum` confirm it.

    Args:
        values, weights: `[K, BLOCK]`, the blocks `ids` out of `count`.
        ranked: the largest of the values, descending.
        ranked_weights: their weights.
        edge: the largest value outside the blocks; -inf if no token is kept there.
        mass: as for `value_at_mass`, computed in the order of `tree_sum` or of `quick_sum`.
        exact_mass: maps `weights` to the mass, computed in the order of `tree_sum`.
    """

    def hold(t, u):
        # The barrier keeps XLA from hoisting these sums out of a loop that rarely runs.
        t, u, weighed = lax.optimization_barrier((t, u, weights))
        over = jnp.where(values > t, weighed, 0.0), jnp.where(values > u, weighed, 0.0)
        sums, exact = window_sum(lax.complex(*over), ids, count), exact_mass(weighed)
        return sums.real < exact, sums.imag < exact

    ranked = jnp.maximum(ranked, edge)
    above = jnp.sum(jnp.where(ranked > ranked[:, None], ranked_weights, 0.0), axis=1)
    less, more = above < mass * (1 - SLACK), above > mass * (1 + SLACK)
    sure = jnp.all(less | more) | ~(mass > 0)
    j = settled(ranked, jnp.sum(above < mass) - 1, hold, sure)
    value = ranked[j]
    known = (value == -jnp.inf) | (value > edge) & (j < ranked.shape[0] - 1)
    return jnp.where(known & ~jnp.isnan(mass), value, jnp.nan)
