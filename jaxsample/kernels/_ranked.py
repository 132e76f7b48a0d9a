"""The largest values of a row, found without sorting it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._tree import block_maxima, blocks

WIDTH = 64  # the number of largest values that a window holds


class Blocks(NamedTuple):
    """Some blocks of a row.

    Attributes:
        values: `[K, BLOCK]`, -inf past the end of the row.
        ids: `[K]` int32, the indices of the blocks, ascending.
        edge: the largest value outside the blocks; -inf if there is none.
    """

    values: jax.Array
    ids: jax.Array
    edge: jax.Array


def largest_blocks(values: jax.Array, tops: jax.Array) -> Blocks | None:
    """Return the `WIDTH` blocks of a row `[V]` with the largest maxima.

    Fewer than k blocks have a maximum above the k-th largest value, so these blocks contain the
    `WIDTH` largest values and every value above `edge`. `tops` are the row's `block_maxima`.
    Returns None if the row has at most `WIDTH` blocks.
    """
    if tops.shape[0] <= WIDTH:
        return None
    maxima, ids = top_k(tops, WIDTH + 1)
    ids = jnp.sort(ids[:WIDTH])
    return Blocks(blocks(values, -jnp.inf)[ids], ids, maxima[WIDTH])


def largest_values(values: jax.Array) -> jax.Array:
    """Return the `WIDTH` largest of the values `[V]`, descending and padded with -inf."""
    found = largest_blocks(values, block_maxima(values))
    pool = values if found is None else found.values.reshape(-1)
    ranked = top_k(pool, min(WIDTH, pool.shape[0]))[0]
    return jnp.pad(ranked, (0, WIDTH - ranked.shape[0]), constant_values=-jnp.inf)


def top_k(values: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Return `lax.top_k(values, k)`.

    The barriers keep XLA on the CPU from replacing a top-k by a sort when its output is sliced.
    One barrier around both outputs would crash the compiler for a sharded vocabulary.
    """
    found, places = lax.top_k(values, k)
    return lax.optimization_barrier(found), lax.optimization_barrier(places)


def settled(
    ranked: jax.Array, start: jax.Array, hold: Callable[[jax.Array, jax.Array], Any], sure: Any
) -> jax.Array:
    """Return the last index of `ranked` `[n]` at which a predicate is true; 0 if there is none.

    The search starts at a guess and steps over equal values at once.

    Args:
        ranked: values in descending order.
        start: the guess, any integer.
        hold: evaluates the predicate at two values. It must be monotone: if it is true of a value,
            it is true of every larger value.
        sure: scalar bool, whether the guess is known to be right.
    """
    last = ranked.shape[0] - 1

    def look(j):
        end = jnp.sum(ranked >= ranked[j], dtype=jnp.int32) - 1
        below = jnp.minimum(end + 1, last)
        return end, below, ranked[j], ranked[below]

    def move(state):
        (end, below, value, next_value), _ = state
        above = jnp.sum(ranked > value, dtype=jnp.int32) - 1
        here, next_ = hold(value, next_value)
        up = ~here & (above >= 0)
        down = here & next_ & (below > end)
        return look(jnp.where(up, above, jnp.where(down, below, end))), ~(up | down)

    first = look(jnp.clip(start, 0, last).astype(jnp.int32))
    found, _ = lax.while_loop(lambda state: ~state[1], move, (first, jnp.asarray(sure)))
    return found[0]
