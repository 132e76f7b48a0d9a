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
    wide = few.value_at(jnp.exp, 1 - 0.05 * gap)
    return jnp.where(wide < few.max - gap, few.max, few.kth(2 * k))


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
    return jnp.where(few.value(k) > few.max - gap, few.max, row.kth(3 * k))


def tied(row, k, gap):
    return jnp.where(row.ties > k, row.max, row.kth(k))


def sized(row, k, gap):
    edge = row.kth(100) if row.size > 1000 else row.kth(5)
    return jnp.where(row.max - edge < gap, edge, row.kth(3))


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
