"""Sums and thresholds of a whole row from the few blocks that hold its largest values."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._ranked import settled
from jaxsample.kernels._tree import block_sums, pair_sums

# More than two orders of adding terms >= 0 part what is compared here: a sum over the largest
# values, and a share of the total. A sum is off by less than one 2**-24 for every term that is not
# 0 or, along a tree, every level: WIDTH of them and some 30. Twice that is 1.2e-5.
SLACK = 2e-5


def window_sum(terms: jax.Array, ids: jax.Array, count: int) -> jax.Array:
    """Sum terms `[K, BLOCK]` of blocks `ids` `[K]` out of `count` in the order of `tree_sum`.

    All other blocks count as exact zeros, so the sum has the bits of the row's own.
    """
    return pair_sums(jnp.zeros(count, terms.dtype).at[ids].set(block_sums(terms)))


def quick_sum(terms: jax.Array) -> jax.Array:
    """Sum terms `[K, BLOCK]`, close to their `window_sum` but in an order of its own."""
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
    """Return what `value_at_mass` says of the whole row, or NaN where the window does not know.

    Sums over the largest values decide where no order of adding could decide otherwise; elsewhere
    they are a guess, moved until the sums in the row's own order confirm it.

    Args:
        values, weights: `[K, BLOCK]`, blocks `ids` out of `count`.
        ranked: the largest of the values, descending.
        ranked_weights: their weights.
        edge: the largest value outside, -inf if nothing is kept there.
        mass: as for `value_at_mass`, its sum in the row's order or that of `quick_sum`.
        exact_mass: returns it, given `weights`, with its sum in the row's own order.
    """

    def hold(t, u):
        # The barrier keeps XLA from taking what does not change out of a loop that seldom runs.
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
