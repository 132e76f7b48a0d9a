"""The value of a row at a share of the sum of its terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._blocks import fixed_sum, tree_sum
from jaxsample.kernels._per_row import once, where_needed
from jaxsample.kernels._search import reached, reached_in
from jaxsample.transforms.rows._values import Number, Term, as_integers, integer_unit, weighed

if TYPE_CHECKING:
    from jaxsample.transforms.rows._row import Row


def value_at(row: Row, term: Term, share: Number, total: jax.Array | None) -> jax.Array:
    """Do what `Row.value_at` says."""
    best, edge, top, share, given = lax.stop_gradient((row.best, row.edge, row.max, share, total))
    inside = edge == -jnp.inf

    def weigh(values):
        return weighed(term, values, top)

    # A row that no filter has cut is read for its total. A CPU keeps the terms.
    terms = None if row.filtered else weigh(lax.stop_gradient(row.whole))
    if given is None and terms is not None:
        given = tree_sum(terms)
    some = weigh(best)
    total = fixed_sum(once(some)) if given is None else given
    unit, want = integer_unit(share, total)
    found = reached_in(best, as_integers(some, unit), want)
    known = inside if given is None else inside | ((found > -jnp.inf) & (found >= edge))

    def search():
        values = lax.stop_gradient(row.whole)
        total = tree_sum(weigh(values)) if given is None else given
        unit, want = integer_unit(share, total)
        written = None if terms is None else as_integers(terms, unit)
        return reached(values, lambda v: as_integers(weigh(v), unit), want, top, edge, written)

    found = where_needed(~known, search, found)
    return jnp.where(jnp.isnan(share * total), jnp.nan, found)
