"""The largest values of a row: exact, and found without sorting it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._tree import block_maxima, blocks

WIDTH = 64  # how many of the largest values are looked at


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


def largest_blocks(values: jax.Array, tops: jax.Array) -> Blocks | None:
    """Return the `WIDTH` blocks of a row `[V]` with the largest maxima; None if it has no more.

    Fewer than k blocks have a maximum above the k-th largest value, so the `WIDTH` largest values,
    and every value above `edge`, lie in these blocks. `tops` are the row's `block_maxima`.
    """
    if tops.shape[0] <= WIDTH:
        return None
    maxima, ids = top_k(tops, WIDTH + 1)
    ids = jnp.sort(ids[:WIDTH])
    return Blocks(blocks(values, -jnp.inf)[ids], ids, maxima[WIDTH])


def largest_values(values: jax.Array) -> jax.Array:
    """Return the `WIDTH` largest of the values `[V]`, descending; -inf where there are fewer."""
    found = largest_blocks(values, block_maxima(values))
    pool = values if found is None else found.values.reshape(-1)
    ranked = top_k(pool, min(WIDTH, pool.shape[0]))[0]
    return jnp.pad(ranked, (0, WIDTH - ranked.shape[0]), constant_values=-jnp.inf)


def top_k(values: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Do what `lax.top_k` does; `k` static.

    The barriers keep XLA on the CPU from turning a top-k whose output is sliced into a sort; one
    barrier around both outputs ends its compiler where the vocabulary is sharded.
    """
    found, places = lax.top_k(values, k)
    return lax.optimization_barrier(found), lax.optimization_barrier(places)


def settled(
    ranked: jax.Array, start: jax.Array, hold: Callable[[jax.Array, jax.Array], Any], sure: Any
) -> jax.Array:
    """Return the last index at which a predicate is true of `ranked` `[n]`, from a guess at it.

    Moves over equal values in one go. 0 if it is true nowhere.

    Args:
        ranked: descending.
        start: the guess, any integer.
        hold: says for each of two values whether the predicate is true of it; monotone: once true
            of a value, true of every larger one.
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
