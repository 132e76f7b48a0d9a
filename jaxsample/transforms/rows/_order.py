"""The largest values of a row in order, and their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._largest import top_k
from jaxsample.kernels._per_row import where_needed
from jaxsample.kernels._search import reached
from jaxsample.transforms.rows._values import Number

if TYPE_CHECKING:
    from jaxsample.transforms.rows._row import Row


def kth(row: Row, k: Number) -> jax.Array:
    """Do what `Row.kth` says."""
    k = jnp.asarray(k).astype(jnp.int32)
    best, edge, top = lax.stop_gradient((row.best, row.edge, row.max))
    place = jnp.arange(1, best.shape[0] + 1, dtype=jnp.int32)
    found = jnp.max(jnp.where(place == jnp.maximum(k, 1), best, -jnp.inf))
    known = (k > row.size) | (edge == -jnp.inf) | ((k <= best.shape[0]) & (found >= edge))

    def search():
        values = lax.stop_gradient(row.whole)
        return reached(values, lambda v: (v > -jnp.inf).astype(jnp.int32), k, top, edge)

    return where_needed(~known, search, found)


def some_largest(row: Row, n: int) -> jax.Array:
    """Do what `Row.largest` says."""
    count = min(n, row.size)
    if count > row.best.shape[0]:
        return ranked(row, n)[0]
    # Values outside `best` that equal its last one do not change the result.
    known, found = row.best[count - 1] >= row.edge, row.best[:count]
    found = where_needed(~known, lambda: top_k(row.values, count)[0], found)
    return jnp.pad(found, (0, n - count), constant_values=-jnp.inf)


def ranked(row: Row, n: int) -> tuple[jax.Array, jax.Array]:
    """Do what `Row.ranked` says."""
    count = min(n, row.size)
    if count > row.best.shape[0]:
        return _filled(*top_k(row.values, count), n)
    best, tokens, edge = row.best, row.tokens, row.edge
    # Values may be equal, inside and outside of the largest.
    order = jnp.argsort(tokens)
    best, places = top_k(best[order], best.shape[0])
    tokens = tokens[order][places]
    known = (best[count - 1] > edge) | (edge == -jnp.inf)
    found = best[:count], tokens[:count]
    best, tokens = where_needed(~known, lambda: top_k(row.values, count), found)
    return _filled(best, tokens, n)


def _filled(values: jax.Array, tokens: jax.Array, n: int) -> tuple[jax.Array, jax.Array]:
    """Pad ranked values with -inf and tokens with -1 to length n; dropped tokens become -1."""
    tokens = jnp.where(values > -jnp.inf, tokens, -1)
    short = (0, n - values.shape[0])
    return (
        jnp.pad(values, short, constant_values=-jnp.inf),
        jnp.pad(tokens, short, constant_values=-1),
    )
