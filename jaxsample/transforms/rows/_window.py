"""Windows on the largest blocks of a row."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._partial_sums import quick_sum, value_at_window_mass, window_sum
from jaxsample.kernels._ranked import WIDTH, largest_blocks, top_k
from jaxsample.kernels._tree import BLOCK
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.rows._row import (
    Number,
    Row,
    Term,
    check_scalar,
    divided,
    fill,
    is_top,
    keep_near,
    nearness,
    weighed,
)

ROWS = "rows"  # the axis name of the `jax.vmap` over rows with windows


@dataclasses.dataclass(frozen=True)
class Window:
    """A view of a `Row` that reads only the blocks with the largest values.

    A window has the methods of `Row` and returns the same bits. A method returns NaN if the window
    cannot compute the value exactly. A change that uses NaN makes the window inexact, and the
    caller must run the whole `Row` instead. Sums are always exact: if kept tokens of any row along
    the axis `ROWS` lie outside the blocks, a sum reads the whole rows.

    Attributes:
        values: `[K, BLOCK]` float32; a dropped token is -inf.
        ids: `[K]` int32, the indices of the blocks, ascending.
        edge: the largest value outside the blocks, after the same changes.
        best: `[WIDTH]`, the largest values in descending order, after the same changes.
        row: the row before the changes.
        again: recomputes the row inside a rare branch, so that XLA need not materialise it.
        changes: the changes made so far.
        valid: scalar bool, as `Row.valid`.
        exact: scalar bool, whether every change so far was exact.
        inside: scalar bool, whether every kept token is in the blocks.
        filtered: whether a filter ran. Before the first filter, a sum reads the whole row.
        closed: whether a sum reads only the blocks, even if `inside` is False.
    """

    values: jax.Array
    ids: jax.Array
    edge: jax.Array
    best: jax.Array
    row: Row
    again: Callable[[], Row]
    changes: tuple[Callable[[Row], Row], ...]
    valid: jax.Array
    exact: jax.Array
    inside: jax.Array
    filtered: bool = False
    closed: bool = False

    @classmethod
    def of(cls, row: Row, again: Callable[[], Row]) -> Window | None:
        """Return a window on the largest blocks of a row; None if the row has too few blocks.

        `again` recomputes the same row.
        """
        found = largest_blocks(row.values, row.tops)
        if found is None or not row.filters:
            return None
        best = top_k(found.values.reshape(-1), WIDTH)[0]
        inside = found.edge == -jnp.inf
        return cls(*found, best, row, again, (), row.valid, jnp.bool_(True), inside)

    def close(self) -> Window:
        """Return a window whose sums read only the blocks; correct if it is exact and inside."""
        return dataclasses.replace(self, inside=jnp.bool_(True), closed=True)

    @property
    def kept(self) -> jax.Array:
        """The mask of the kept tokens of the blocks, `[K, BLOCK]` bool."""
        return self.values > -jnp.inf

    @property
    def max(self) -> jax.Array:
        """As `Row.max`."""
        return self.best[0]

    @property
    def count(self) -> jax.Array:
        """As `Row.count`."""
        return self._seen_or_whole(
            lambda: jnp.sum(self.kept, dtype=jnp.int32), lambda row: row.count
        )

    @property
    def ties(self) -> jax.Array:
        """As `Row.ties`; NaN if a tie may lie outside the blocks."""
        tops = jnp.sum(self._weights(is_top, self.values))
        return jnp.where(self.inside | (self.edge < self.max), tops, jnp.nan)

    @property
    def size(self) -> int:
        """As `Row.size`."""
        return self.row.size

    def value(self, token: jax.Array) -> jax.Array:
        """As `Row.value`."""
        return self._changed(self.row).value(token)

    def sum(self, *terms: Term) -> Any:
        """As `Row.sum`."""

        def seen():
            weights = [self._weights(term, self.values) for term in terms]
            sums = [window_sum(w, self.ids, self._blocks) for w in weights]
            return tuple(sums) if len(sums) > 1 else sums[0]

        return self._seen_or_whole(seen, lambda row: row.sum(*terms))

    def kth(self, k: Number) -> jax.Array:
        """As `Row.kth`."""
        check_scalar(k)
        best = lax.stop_gradient(self.best)[jnp.clip(k, 1, WIDTH) - 1]
        known = (k <= WIDTH) & (self.inside | (best >= self.edge))
        few = self.inside & ((self.best[-1] == -jnp.inf) | (k > self.values.size))
        if not self.filtered and not self.closed:
            few |= k > self.size
        return jnp.where(known, best, jnp.where(few, -jnp.inf, jnp.nan))

    def value_at(self, term: Term, share: Number, total: jax.Array | None = None) -> jax.Array:
        """As `Row.value_at`."""
        check_scalar(share)
        given = lax.stop_gradient(total)
        share, values, best, edge = lax.stop_gradient((share, self.values, self.best, self.edge))
        weights, best_weights = lax.stop_gradient(
            (self._weights(term, values), self._weights(term, best))
        )
        if total is None:
            total = self._seen_or_whole(lambda: quick_sum(weights), lambda row: row.sum(term))
        total = lax.stop_gradient(jnp.asarray(total))

        def exact_mass(weights):
            if given is not None:
                return share * given
            seen = window_sum(weights, self.ids, self._blocks)
            return share * jnp.where(self.inside, seen, total)

        edge = jnp.where(self.inside, -jnp.inf, edge)
        return value_at_window_mass(
            values,
            weights,
            self.ids,
            self._blocks,
            best,
            best_weights,
            edge,
            share * total,
            exact_mass,
        )

    def largest(self, n: int) -> jax.Array:
        """As `Row.largest`; NaN for values below the edge."""
        if n > WIDTH:
            return self.ranked(n)[0]
        best = self.best[:n]
        return jnp.where(self.inside | (best >= self.edge), best, jnp.nan)

    def ranked(self, n: int) -> tuple[jax.Array, jax.Array]:
        """As `Row.ranked`."""
        count = min(n, self.values.size)
        values, at = top_k(self.values.reshape(-1), count)
        values, tokens = fill(values, self.ids[at // BLOCK] * BLOCK + at % BLOCK, n)
        return jnp.where(self.inside | (values >= self.edge), values, jnp.nan), tokens

    def divide(self, t: Number) -> Window:
        """As `Row.divide`."""
        check_scalar(t)
        top = self.max

        def change(values):
            changed = divided(clamp_below(values, top), t)
            return jnp.where(values > -jnp.inf, changed, -jnp.inf)

        edge = change(self.edge)
        return dataclasses.replace(
            self,
            values=change(self.values),
            edge=edge,
            best=change(self.best),
            changes=(*self.changes, lambda row: row.divide(t)),
            exact=self.exact & ~jnp.isnan(t),
            inside=self.inside | (edge == -jnp.inf),
        )

    def keep(self, value: Number) -> Window:
        """As `Row.keep`."""
        check_scalar(value)
        value = lax.stop_gradient(jnp.minimum(value, self.max))
        return dataclasses.replace(
            self,
            values=jnp.where(self.values >= value, self.values, -jnp.inf),
            best=jnp.where(self.best >= value, self.best, -jnp.inf),
            changes=(*self.changes, lambda row: row.keep(value)),
            exact=self.exact & ~jnp.isnan(value),
            inside=self.inside | (value > self.edge),
            filtered=True,
        )

    def keep_nearest(self, centre: jax.Array, share: Number, mass: jax.Array) -> Window:
        """As `Row.keep_nearest`; inexact unless all kept tokens are among the largest values."""
        check_scalar(share)
        values, best, edge, top, centre, share, mass = lax.stop_gradient(
            (self.values, self.best, self.edge, self.max, centre, share, mass)
        )
        edge = jnp.where(self.inside, -jnp.inf, edge)
        beyond = jnp.maximum(best[-1], edge)  # all values except the best are at most this
        far = (beyond == -jnp.inf) | (clamp_below(beyond, top) <= centre)
        outer = jnp.where(far, nearness(beyond, top, centre), jnp.inf)
        near, at = top_k(nearness(best, top, centre), WIDTH)
        wanted = jnp.where(share >= 1, 0.0, share) * mass
        least = value_at_window_mass(
            nearness(values, top, centre),
            weighed(jnp.exp, values, top),
            self.ids,
            self._blocks,
            near,
            weighed(jnp.exp, best, top)[at],
            outer,
            wanted,
            lambda _: wanted,
        )
        least = jnp.where(share >= 1, -jnp.inf, least)

        def change(values):
            return jnp.where(nearness(values, top, centre) >= least, values, -jnp.inf)

        return dataclasses.replace(
            self,
            values=change(self.values),
            edge=edge,
            # The maximum may be dropped, so the remaining values are sorted again.
            best=top_k(change(self.best), WIDTH)[0],
            changes=(*self.changes, lambda row: keep_near(row, centre, least)),
            exact=self.exact & ~jnp.isnan(least) & ~jnp.isnan(centre),
            inside=self.inside | (least > outer),
            filtered=True,
        )

    @property
    def _blocks(self):
        return self.row.tops.shape[0]

    def _changed(self, row):
        return functools.reduce(lambda row, change: change(row), self.changes, row)

    def _seen_or_whole(self, seen, whole):
        if self.closed:
            return seen()
        if not self.filtered:
            return whole(self._changed(self.row))
        outside = (~self.inside & self.valid & self.exact).astype(jnp.int32)
        # One predicate for all rows: under vmap a predicate per row would run both branches.
        needed = lax.pmax(outside, ROWS) > 0
        return lax.cond(needed, lambda: whole(self._changed(self.again())), seen)

    def _weights(self, term, values):
        return weighed(term, values, self.max)
