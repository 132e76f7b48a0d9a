"""The tokens of a row that are nearest to a centre."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._largest import top_k
from jaxsample.kernels._per_row import once, where_needed
from jaxsample.kernels._search import reached, reached_in
from jaxsample.kernels._validity import LOWEST
from jaxsample.transforms.rows._values import Number, as_integers, integer_unit, nearness, weighed

if TYPE_CHECKING:
    from jaxsample.transforms.rows._row import Row


def keep_nearest(row: Row, centre: jax.Array, share: Number, mass: jax.Array) -> Row:
    """Do what `Row.keep_nearest` says; the tokens nearest to the centre may not be the largest."""
    best, edge, top, centre, share, mass = lax.stop_gradient(
        (row.best, row.edge, row.max, once(centre), share, mass)
    )
    unit, want = integer_unit(share, mass)

    def near(values):
        return nearness(values, top, centre)

    def weigh(values):
        return as_integers(weighed(jnp.exp, values, top), unit)

    found = reached_in(near(best), weigh(best), want)
    # If the edge lies below the centre, no token outside is nearer than the edge.
    outer = jnp.where(edge - top <= centre, near(edge), jnp.inf)
    known = (found > -jnp.inf) & (found >= outer) | (edge == -jnp.inf) | (share >= 1)

    def search():
        values = lax.stop_gradient(row.whole)
        weights, all_near = weigh(values), near(values)
        return reached(all_near, lambda _: weights, want, jnp.max(all_near), jnp.float32(0))

    least = where_needed(~known, search, found)
    least = once(jnp.where(share >= 1, -jnp.inf, least))
    limit = LOWEST if row.limit is None else row.limit

    def change(values):
        return jnp.where((values >= limit) & (near(values) >= least), values, -jnp.inf)

    best, order = top_k(change(row.best), row.best.shape[0])
    kept = dataclasses.replace(
        row,
        changes=(*row.changes, change),
        tops=None,
        best=best,
        tokens=row.tokens[order],
        edge=jnp.where(least > outer, -jnp.inf, row.edge),
        valid=row.valid & ~(jnp.isnan(share * mass) | jnp.isnan(centre)),
        limit=None,
        filtered=True,
    )
    # The maximum may be dropped, and all of the largest values.
    largest = where_needed(~(best[0] >= kept.edge), lambda: jnp.max(kept.whole), best[0])
    return dataclasses.replace(kept, max=largest)
