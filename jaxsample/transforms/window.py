"""A row seen through the blocks that hold its largest values: exact, or it says that it is not."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels.ranked import WIDTH, largest_blocks, top_k
from jaxsample.kernels.tree import BLOCK
from jaxsample.kernels.validity import clamp_below
from jaxsample.kernels.window import value_at_window_mass, window_sum
from jaxsample.transforms.row import Number, Row, Term, check_scalar, divided, fill, weighed


@dataclasses.dataclass(frozen=True)
class Window:
    """A `Row` of which only some blocks are looked at, and the tail only if a sum asks.

    Answers and changes are those of `Row`, with the same bits. An answer the window does not know
    is NaN; a change made with NaN makes it inexact, and the row must be run as a `Row`.

    Attributes:
        values: `[K, BLOCK]` float32; a dropped token is -inf.
        ids: `[K]` int32, which blocks these are, ascending.
        edge: the largest value outside of them, under the same changes.
        best: `[WIDTH]`, the largest values, descending, under the same changes.
        whole: the row itself under the same changes; computed only where an answer needs it.
        valid: scalar bool, as `Row.valid`.
        exact: scalar bool, whether every change so far was an exact one.
        inside: scalar bool, whether every token still kept is in these blocks.
        tail: whether sums read the whole row; False once a filter may have cut the tail off, and
            then a sum is NaN unless it did.
        short: whether the first filter is trusted to cut the tail off.
        filtered: whether there was a filter.
        known: scalar bool, whether every change up to the first filter was an exact one.
    """

    values: jax.Array
    ids: jax.Array
    edge: jax.Array
    best: jax.Array
    whole: Row
    valid: jax.Array
    exact: jax.Array
    inside: jax.Array
    tail: bool = True
    short: bool = False
    filtered: bool = False
    known: Any = True

    @classmethod
    def of(cls, row: Row, short: bool) -> Window | None:
        """Look at a row through its largest blocks; None if it has too few to leave any out."""
        found = largest_blocks(row.values, row.tops)
        if found is None or not row.filters:
            return None
        best = top_k(found.values.reshape(-1), WIDTH)[0]
        inside = found.edge == -jnp.inf
        return cls(*found, best, row, row.valid, jnp.bool_(True), inside, short=short)

    @property
    def closed(self) -> Window:
        """The window as all there is of the row, which holds where it is exact and inside."""
        return dataclasses.replace(self, inside=jnp.bool_(True), tail=False)

    @property
    def kept(self) -> jax.Array:
        """Which tokens of these blocks are still kept, `[K, BLOCK]` bool."""
        return self.values > -jnp.inf

    @property
    def max(self) -> jax.Array:
        """As `Row.max`."""
        return self.best[0]

    @property
    def count(self) -> jax.Array:
        """As `Row.count`, float NaN where the window does not know."""
        if self.tail:
            return self.whole.count
        count = jnp.sum(self.kept, dtype=jnp.int32)
        return jnp.where(self.inside, count.astype(jnp.float32), jnp.nan)

    @property
    def size(self) -> int:
        """As `Row.size`."""
        return self.whole.size

    def value(self, token: jax.Array) -> jax.Array:
        """As `Row.value`."""
        return self.whole.value(token)

    def sum(self, *terms: Term) -> Any:
        """As `Row.sum`."""
        if self.tail:
            return self.whole.sum(*terms)
        sums = [
            window_sum(self._weights(term, self.values), self.ids, self._blocks) for term in terms
        ]
        known = [jnp.where(self.inside, s, jnp.nan) for s in sums]
        return tuple(known) if len(known) > 1 else known[0]

    def kth(self, k: Number) -> jax.Array:
        """As `Row.kth`."""
        check_scalar(k)
        best = lax.stop_gradient(self.best)[jnp.clip(k, 1, WIDTH) - 1]
        known = (k <= WIDTH) & (self.inside | (best >= self.edge))
        few = self.inside & ((self.best[-1] == -jnp.inf) | (k > self.values.size))
        if self.tail:
            few |= k > self.size
        return jnp.where(known, best, jnp.where(few, -jnp.inf, jnp.nan))

    def value_at(self, term: Term, share: Number) -> jax.Array:
        """As `Row.value_at`."""
        check_scalar(share)
        share, values, best, edge = lax.stop_gradient((share, self.values, self.best, self.edge))
        weights, best_weights = lax.stop_gradient(
            (self._weights(term, values), self._weights(term, best))
        )
        if self.tail:
            total = lax.stop_gradient(self.sum(term))
            mass = share * total
        else:
            total = None
            mass = share * jnp.where(self.inside, jnp.sum(weights), jnp.nan)

        def exact_mass(weights):
            return share * (window_sum(weights, self.ids, self._blocks) if total is None else total)

        edge = jnp.where(self.inside, -jnp.inf, edge)
        return value_at_window_mass(
            values,
            weights,
            self.ids,
            self._blocks,
            best,
            best_weights,
            edge,
            mass,
            exact_mass,
        )

    def largest(self, n: int) -> jax.Array:
        """As `Row.largest`; known up to the width of the window."""
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
            whole=self.whole.divide(t),
            exact=self.exact & ~jnp.isnan(t),
            inside=self.inside | (edge == -jnp.inf),
        )

    def keep(self, value: Number) -> Window:
        """As `Row.keep`."""
        check_scalar(value)
        value = lax.stop_gradient(jnp.minimum(value, self.max))
        exact = self.exact & ~jnp.isnan(value)
        return dataclasses.replace(
            self,
            values=jnp.where(self.values >= value, self.values, -jnp.inf),
            best=jnp.where(self.best >= value, self.best, -jnp.inf),
            whole=self.whole.keep(value),
            exact=exact,
            inside=self.inside | (value > self.edge),
            tail=self.tail and not self.short,
            filtered=True,
            known=self.known if self.filtered else exact,
        )

    @property
    def _blocks(self):
        return self.whole.tops.shape[0]

    def _weights(self, term, values):
        return weighed(term, values, self.max)
