"""Rows of logits, which order transforms query and change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._blocks import BLOCK, blocks, fixed_sum, tree_sum
from jaxsample.kernels._draw import draw_block, draw_block_of, draw_inside, of_block
from jaxsample.kernels._largest import largest, row_max
from jaxsample.kernels._per_row import once, where_needed
from jaxsample.kernels._validity import clean
from jaxsample.transforms.rows._nearest import keep_nearest
from jaxsample.transforms.rows._order import kth, ranked, some_largest
from jaxsample.transforms.rows._value_at import value_at
from jaxsample.transforms.rows._values import (
    Number,
    Term,
    bending,
    check_scalar,
    division,
    is_top,
    weighed,
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of logits `[V]`.

    All methods describe the tokens that are still kept; the value of a dropped token is -inf. The
    functions passed to `sum` and `value_at` map `value - max` elementwise, so `jnp.exp` stands for
    the unnormalised probability.

    A row is the given logits, with the elementwise changes that were made to them, and its largest
    values after these changes. Every question is answered from the largest values if they decide
    it, else from the whole row, and always exactly.

    Attributes:
        size: the size of the vocabulary, V.
        raw: `[ceil(V / BLOCK), BLOCK]`, the logits as they were given, in blocks padded with -inf.
        changes: elementwise functions that map `raw` to values; the last may drop tokens.
        tops: the maxima of blocks, or None if they are not known.
        best: the largest values in descending order, -inf where dropped.
        tokens: the tokens of `best`.
        edge: no value outside `best` is larger; -inf if every kept token is in `best`.
        max: the largest value.
        valid: scalar bool. An invalid row returns as all NaN.
        filtered: whether a filter ran, so that `best` may hold all kept tokens.
        filters: whether filters act. If False, `keep` does nothing and a temperature of 0 leaves
            every value at 0.
    """

    size: int
    raw: jax.Array
    changes: tuple[Callable[[jax.Array], jax.Array], ...]
    tops: jax.Array | None
    best: jax.Array
    tokens: jax.Array
    edge: jax.Array
    max: jax.Array
    valid: jax.Array
    limit: jax.Array | None = None
    filtered: bool = False
    filters: bool = True

    @classmethod
    def of(cls, logits: jax.Array, filters: bool = True) -> Row:
        """Make a row from logits `[V]`; ValueError for any other rank."""
        raw = jnp.asarray(logits)
        fit, found, top, valid = clean(raw)
        return cls(raw.size, blocks(raw, -jnp.inf), (fit,), *found, top, valid, filters=filters)

    @classmethod
    def holding(cls, values: jax.Array, valid: jax.Array) -> Row:
        """Make a row from values `[V]` without NaN and +inf; it is invalid if all are -inf."""
        found = largest(values)
        top = row_max(found.tops)
        whole = blocks(values, -jnp.inf)
        return cls(values.size, whole, (), *found, top, valid & (top > -jnp.inf))

    # Arrays

    @property
    def values(self) -> jax.Array:
        """The values of all tokens, `[V]` float32; 0 if the row is invalid."""
        return self.whole.reshape(-1)[: self.size]

    @property
    def logits(self) -> jax.Array:
        """The row as logits `[V]` float32, NaN everywhere if it is invalid."""
        return jnp.where(self.valid, self.values, jnp.nan)

    @property
    def kept(self) -> jax.Array:
        """The mask of the kept tokens, `[V]` bool."""
        return self.values > -jnp.inf

    @property
    def whole(self) -> jax.Array:
        """The values in blocks, padded with -inf; with 0 if the row is invalid."""
        return self._see(self.raw)

    # Questions

    @property
    def count(self) -> jax.Array:
        """The number of kept tokens, int32."""

        def of(values):
            return jnp.sum(values > -jnp.inf, dtype=jnp.int32)

        return self._from_best(lambda: of(self.best), lambda: of(self.whole))

    @property
    def ties(self) -> jax.Array:
        """The number of tokens with the largest value, float32."""

        def of(values):
            return jnp.sum(is_top(values - self.max), dtype=jnp.float32)

        return where_needed(~(self.edge < self.max), lambda: of(self.whole), of(self.best))

    def value(self, token: jax.Array) -> jax.Array:
        """The value of a token."""
        return self._see(self.raw[token // BLOCK, token % BLOCK])

    def sum(self, *terms: Term) -> Any:
        """Sum each term over the kept tokens in a fixed order; several terms return a tuple."""

        def of_best():
            return tuple(fixed_sum(once(weighed(term, self.best, self.max))) for term in terms)

        def of_all():
            values = self.whole
            return tuple(tree_sum(weighed(term, values, self.max)) for term in terms)

        if self.filtered:
            sums: Any = self._from_best(of_best, of_all)
        else:  # a CPU takes the rows in turn, so that the terms of one row stay in its cache
            zeros = tuple(jnp.float32(0) for _ in terms)
            sums = where_needed(jnp.bool_(True), of_all, zeros)
        return sums if len(sums) > 1 else sums[0]

    def kth(self, k: Number) -> jax.Array:
        """The k-th largest value, where ties count separately; -inf if fewer tokens are kept."""
        check_scalar(k)
        return kth(self, k)

    def value_at(self, term: Term, share: Number, total: jax.Array | None = None) -> jax.Array:
        """The smallest value such that the terms above it sum to less than a share of the total.

        The terms must be >= 0. The result is -inf if all terms together sum to less than the share.
        A term counts as a multiple of about a billionth of the total. Pass the `total` if it is
        known, up to rounding; this saves a pass over the row.
        """
        check_scalar(share)
        return value_at(self, term, share, total)

    def largest(self, n: int) -> jax.Array:
        """The n largest values in descending order, padded with -inf."""
        return some_largest(self, n)

    def ranked(self, n: int) -> tuple[jax.Array, jax.Array]:
        """The n largest values in descending order, and their tokens.

        Tokens with equal values are in ascending order. Both arrays are padded, with -inf and -1.
        """
        return ranked(self, n)

    def draw(self, key: jax.Array) -> jax.Array:
        """Draw a token, under one threefry key; -1 if the row is invalid."""

        def of_best():
            return draw_block_of(key, self.best - self.max, self.tokens)

        def of_all():
            tops = None if self.tops is None else self.tops - self.max
            return draw_block(key, self.whole - self.max, tops)

        block = self._from_best(of_best, of_all)
        token = draw_inside(key, block, self._see(of_block(self.raw, block)) - self.max)
        return jnp.where(self.valid, token, -1)

    # Changes

    def divide(self, t: Number) -> Row:
        """Replace every value by (value - max) / t; t = 0 keeps only the maxima, at 0."""
        check_scalar(t)
        change = division(self.max, self.limit, t, self.filters)
        return self._below_zero(change, ~jnp.isnan(t))

    def bend(self, curve: Term, valid: jax.Array) -> Row:
        """Replace every value by curve(value - max).

        The curve works elementwise on finite numbers <= 0. It must map 0 to 0 and must be
        non-decreasing, also after rounding to float32. Write it so that it has the same bits in
        every program: do not add to a product directly, because some compilers fuse the two and
        round only once. Pass `valid` as False if the curve was computed from NaN. The row is then
        invalid.
        """
        return self._below_zero(bending(self.max, self.limit, curve), valid)

    def keep(self, value: Number) -> Row:
        """Drop every token whose value is below `value`; the maxima always stay."""
        check_scalar(value)
        if not self.filters:
            return self
        limit = once(lax.stop_gradient(jnp.minimum(value, self.max)))

        def change(values):
            return jnp.where(values >= limit, values, -jnp.inf)

        return dataclasses.replace(
            self,
            tops=None if self.tops is None else change(self.tops),
            best=change(self.best),
            edge=change(self.edge),
            valid=self.valid & ~jnp.isnan(value),
            limit=limit if self.limit is None else jnp.maximum(limit, self.limit),
            filtered=True,
        )

    def keep_nearest(self, centre: jax.Array, share: Number, mass: jax.Array) -> Row:
        """Keep the tokens nearest to a centre, up to a share of the mass.

        The distance of a token is that of `value - max` from `centre`. A token stays while the mass
        of the strictly nearer tokens is less than the share. Tokens at equal distances stay or go
        together, and the nearest always stay. A share of 1 or more keeps everything. `mass` is the
        row's `sum(jnp.exp)`.
        """
        check_scalar(share)
        if not self.filters:
            return self
        return keep_nearest(self, centre, share, mass)

    def only(self, members: jax.Array, valid: jax.Array) -> Row:
        """Drop every token outside a mask `[V]`.

        Pass `valid` as False if the mask was computed from NaN. The row is then invalid.
        """
        if not self.filters:
            return self
        values = jnp.where(members, self.values, -jnp.inf)
        return Row.holding(values, self.valid & valid)

    def _below_zero(self, change, valid):
        """Return the row after a non-decreasing change that maps the maximum to 0."""
        return dataclasses.replace(
            self,
            changes=(*self.changes, change),
            tops=None if self.tops is None else change(self.tops),
            best=change(self.best),
            edge=change(self.edge),
            max=jnp.float32(0),
            valid=self.valid & valid,
            limit=None,
        )

    def _see(self, x):
        for change in self.changes:
            x = change(x)
        return x if self.limit is None else jnp.where(x >= self.limit, x, -jnp.inf)

    def _from_best(self, of_best, of_all):
        if not self.filtered:
            return of_all()
        return where_needed(self.edge != -jnp.inf, of_all, of_best())
