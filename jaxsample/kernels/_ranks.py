"""The rank of each value of a row."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._float_bits import ordered
from jaxsample.kernels._per_row import per_row


def ranks(values: jax.Array) -> jax.Array:
    """Return how many values of a row are strictly larger than each, `[V]` float32 -> `[V]` int32.

    Equal values have the same rank. The rank has no derivative: pass values without one.
    """
    return _ranks.bind(values[None])[0][0]


def _shapes(values):
    return [values.update(dtype=jnp.dtype(jnp.int32), weak_type=False)]


def _by_tokens(values):
    """Sort the tokens with the values; -0 and 0 are equal."""
    places = lax.broadcasted_iota(jnp.int32, values.shape, 1)
    down, order = lax.sort((-values, places), dimension=1, num_keys=1)
    new = jnp.concatenate([jnp.ones_like(down[:, :1], bool), down[:, 1:] > down[:, :-1]], axis=1)
    first = lax.cummax(jnp.where(new, places, 0), axis=1)
    return [
        jax.vmap(lambda i, x: jnp.zeros_like(x).at[i].set(x, unique_indices=True))(order, first)
    ]


def _by_search(values):
    """Sort the values alone, as integers, and look up each; on a CPU this is faster."""
    keys = ordered(jnp.where(values == 0, 0.0, values))

    def one(row):
        return row.size - jnp.searchsorted(jnp.sort(row), row, side="right").astype(jnp.int32)

    return [lax.map(one, keys)]


_ranks = per_row("ranks", _shapes, _by_tokens, cpu=_by_search)
