"""Filters that a user might write: they change a row, ask it again, and read whole arrays."""

import jax.numpy as jnp
from jax import lax

from jaxsample import Transform, field, transform
from tests.edges import surprise


@transform(kind="order")
class Heat(Transform):
    """Divide by a temperature that depends on the row, then ask the divided row; t = 0 included."""

    k: int = field(low=1)
    gap: float = field()

    def on(self, row, state=None, hidden=None):
        branches = [lambda: jnp.float32(0.5), lambda: jnp.float32(2), lambda: jnp.float32(0)]
        row = row.divide(lax.switch((row.count // self.k) % 3, branches))
        wide = row.max - row.kth(self.k) < self.gap
        row = row.divide(jnp.where(wide, 0.5, 4.0))
        return row.keep(jnp.where(wide, row.value_at(jnp.exp, 0.6), row.kth(3 * self.k)))


@transform(kind="set")
class Nearest(Transform):
    """Keep the tokens nearest to the mean surprise, then ask the row that is left."""

    k: int = field(low=1)
    gap: float = field()

    def on(self, row, state=None, hidden=None):
        mass, moment = row.sum(jnp.exp, surprise)
        share = jnp.where(row.max - row.kth(self.k) < self.gap, 0.3, 0.9)
        row = row.keep_nearest(-moment / mass, share, mass)
        edge = lax.cond(row.count > self.k, lambda: row.kth(self.k // 2 + 1), lambda: row.max)
        return row.keep(edge)


@transform(kind="order")
class Many(Transform):
    """Ask for more than 64 of the largest values."""

    k: int = field(low=1)
    gap: float = field()

    def on(self, row, state=None, hidden=None):
        top = row.largest(200)
        return row.keep(jnp.where(top[0] - top[150] < self.gap, top[199], row.kth(self.k)))


@transform(kind="order")
class AboveTheMean(Transform):
    """Read all values and which are kept."""

    k: int = field(low=1)
    gap: float = field()

    def on(self, row, state=None, hidden=None):
        mean = jnp.sum(jnp.where(row.kept, row.values, 0.0)) / jnp.sum(row.kept)
        return row.keep(jnp.where(mean > row.max - self.gap, row.kth(self.k), mean))


@transform(kind="order")
class AboveTheMedian(Transform):
    """Read the logits."""

    k: int = field(low=1)
    gap: float = field()

    def on(self, row, state=None, hidden=None):
        median = jnp.sort(row.logits)[row.size // 2]
        return row.keep(jnp.where(median > row.max - self.gap, row.kth(self.k), median))


@transform(kind="order")
class Members(Transform):
    """Keep a set of tokens by a mask."""

    k: int = field(low=1)
    gap: float = field()

    def on(self, row, state=None, hidden=None):
        edge = jnp.where(row.count > self.k, row.kth(self.k), row.max - self.gap)
        return row.only(row.values >= edge, edge == edge)


@transform(kind="token")
class Lift(Transform):
    """Add `strength` to every seventh token, as a penalty does to tokens seen before."""

    strength: float = field()

    def __call__(self, logits, state=None, hidden=None):
        seen = jnp.arange(logits.shape[0]) % 7 == 3
        return jnp.where(seen, logits + self.strength, logits)


def scale(factor, logits):
    return jnp.where(logits > -jnp.inf, jnp.where(logits > -jnp.inf, logits, 0.0) * factor, logits)
