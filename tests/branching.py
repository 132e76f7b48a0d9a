"""Filters that a user might write: each takes another branch on what the row answers.

An edge is a function of (row, k, gap) to the smallest value that `Edge` keeps. The two branches of
an edge keep very different numbers of tokens, so a wrong answer shows in the tokens drawn.
"""

import functools

import jax.numpy as jnp
from jax import lax

from jaxsample import Transform, field, transform

WATCHED = 7


def surprise(below):
    return -below * jnp.exp(below)


def square(below):
    return jnp.exp(2 * below)


def near(row, k, gap):
    return jnp.where(row.max - row.kth(k) < gap, row.kth(3 * k), row.max)


def high(row, k, gap):
    return jnp.where(row.max > gap, row.kth(k), row.max - gap)


def counted(row, k, gap):
    return lax.cond(row.count > 4 * k, lambda: row.kth(k), lambda: row.max)


def counted_after_a_filter(row, k, gap):
    few = row.keep(row.max - gap)
    return jnp.where(few.count > k, few.max, few.kth(k))


def heavy(row, k, gap):
    return jnp.where(row.sum(jnp.exp) < k, row.max, row.kth(2 * k))


def disordered(row, k, gap):
    mass, moment = row.sum(jnp.exp, surprise)
    entropy = jnp.log(mass) + moment / mass
    return jnp.where(entropy > gap, row.value_at(jnp.exp, 0.9), row.max - gap)


def diverse(row, k, gap):
    mass, squares, _ = row.sum(jnp.exp, square, jnp.ones_like)
    return lax.cond(
        mass * mass > k * squares, lambda: row.kth(k), lambda: row.value_at(jnp.exp, 0.5)
    )


def nucleus(row, k, gap):
    wide = row.value_at(jnp.exp, 0.95)
    return jnp.where(wide < row.max - gap, row.value_at(jnp.exp, 0.3), row.kth(k))


def surprising(row, k, gap):
    edge = row.value_at(surprise, 0.4)
    return jnp.where(edge < row.kth(k), row.max, edge)


def nucleus_after_a_filter(row, k, gap):
    few = row.keep(row.kth(5 * k))
    return jnp.where(few.value_at(jnp.exp, 0.8) < few.max - gap, few.max, few.kth(2 * k))


def switched(row, k, gap):
    few = row.keep(row.max - gap)
    branches = [
        lambda: row.kth(k),
        lambda: few.max,
        lambda: few.value_at(jnp.exp, 0.7),
        lambda: few.kth(3 * k),
    ]
    return lax.switch((few.count // k) % 4, branches)


def doubled(row, k, gap):
    """The first of k, 2 k, 4 k .. tokens that reaches below the gap."""
    found = lax.while_loop(
        lambda k: (row.kth(k) > row.max - gap) & (k < 4096), lambda k: 2 * k, jnp.int32(k)
    )
    return row.kth(found)


def longest_step(row, k, gap):
    """The k, 2 k, .. 5 k after which the values fall most to the next of these."""

    def look(i, best):
        here, below = row.kth(k * (i + 1)), row.kth(k * (i + 2))
        further = here - jnp.maximum(below, row.max - 100) > best[0] - best[1]
        return jnp.where(further, jnp.stack([here, jnp.maximum(below, row.max - 100)]), best)

    return lax.fori_loop(0, 5, look, jnp.stack([row.max, row.kth(k)]))[0]


def summed_in_a_loop(row, k, gap):
    """Bisection for the edge that keeps half of the mass, by a sum at each step."""
    half = row.sum(jnp.exp) / 2

    def narrow(_, bounds):
        middle = (bounds[0] + bounds[1]) / 2
        above = row.sum(lambda below: jnp.where(below >= middle, jnp.exp(below), 0.0))
        return jnp.where(above < half, bounds.at[1].set(middle), bounds.at[0].set(middle))

    low = lax.fori_loop(0, 4, narrow, jnp.stack([-16 + 0 * row.max, 0 * row.max]))[0]
    return row.max + low


def largest(row, k, gap):
    top = row.largest(8)
    return jnp.where(top[0] - top[7] < gap, row.kth(k), top[1])


def all_64_largest(row, k, gap):
    top = row.largest(64)
    spread = jnp.sum(jnp.where(top > top[0] - gap, 1.0, 0.0))
    return jnp.where(spread > 40, top[63], top[2])


def watched(row, k, gap):
    value = row.value(WATCHED)
    return jnp.where(value > row.max - gap, value, row.kth(k))


def watched_after_a_filter(row, k, gap):
    few = row.keep(row.kth(k))
    return jnp.where(few.value(WATCHED) > few.max - gap, few.max, row.kth(3 * k))


def tied(row, k, gap):
    return jnp.where(row.ties > k, row.max, row.kth(k))


def sized(row, k, gap):
    return row.kth(k) if row.size > 1000 else row.kth(5)


EDGES = {
    "first": (near, counted_after_a_filter),
    "ranks": (longest_step, doubled, largest, all_64_largest),
    "counts": (counted, switched, tied, sized),
    "tokens": (high, watched, watched_after_a_filter),
    "sums": (heavy, disordered, diverse, summed_in_a_loop),
    "shares": (nucleus, surprising, nucleus_after_a_filter),
}


@transform(kind="order")
class Edge(Transform):
    """Keep the tokens at or above an edge.

    Attributes:
        k: how many tokens the edge looks at.
        gap: how far below the maximum it looks.
        edge: a function of (row, k, gap).
    """

    k: int = field(low=1)
    gap: float = field()
    edge: object = field(static=True)

    def on(self, row, state=None, hidden=None):
        return row.keep(self.edge(row, self.k, self.gap))


@transform(kind="order")
class OneOf(Transform):
    """Keep the tokens at or above one of several edges; which one is a leaf."""

    which: int = field(low=0)
    k: int = field(low=1)
    gap: float = field()
    edges: tuple = field(static=True)

    def on(self, row, state=None, hidden=None):
        branches = [functools.partial(edge, row, self.k, self.gap) for edge in self.edges]
        return row.keep(lax.switch(self.which, branches))


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
