"""Exact thresholds on a row, found in about ten passes without sorting it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._ranked import WIDTH, largest_values, settled
from jaxsample.kernels._tree import BLOCK, tree_sum, tree_sums

PROBES = 16  # the largest number of probes; more do not help if many values are equal
BISECT = 8  # every eighth probe bisects, so that no distribution can slow the search down
CORNER = 1e-3  # smaller shares of the mass count as this, so that log-odds are finite


class Bracket(NamedTuple):
    """Bounds on a threshold, low < threshold <= high, and the weight strictly above each.

    If a probe leaves one end where it is, the interpolation halves that end's distance from the
    threshold (the Illinois rule), so that both ends move.
    """

    low: jax.Array
    high: jax.Array
    above_low: jax.Array
    above_high: jax.Array
    pull_low: jax.Array
    pull_high: jax.Array
    last: jax.Array
    probes: jax.Array
    at: jax.Array


def value_at_mass(
    values: jax.Array,
    weights: jax.Array,
    weigh: Callable[[jax.Array], jax.Array],
    mass: jax.Array | float,
    total: jax.Array,
    top: jax.Array,
) -> jax.Array:
    """Return the smallest value `t` of a row such that the weights of values > t sum to < mass.

    Interpolation narrows the bracket until few candidates are left. The sums that define the
    threshold then confirm one of them. If many candidates are left, because many values are equal,
    bisection decides.

    Args:
        values: `[V]`, -inf for tokens that do not count.
        weights: `[V]`, >= 0 and 0 where the value is -inf; or one weight for all values.
        weigh: computes the weight of a value, elementwise.
        mass: if it is <= 0, the result is the largest value; if it is above `total`, -inf; if it
            is NaN, NaN.
        total: the `tree_sum` of all weights.
        top: the largest value.
    """

    def above(*thresholds):
        return [jnp.where(values > t, weights, 0.0) for t in thresholds]

    def hold(t, u):
        sums = tree_sums(*above(t, u))
        return sums[0] < mass, sums[1] < mass

    def holds(t):
        return tree_sum(*above(t)) < mass

    bottom = smallest_value(values)
    bottom = jnp.where((mass > 0) & (total >= mass), bottom, top)
    if values.shape[0] <= WIDTH * BLOCK:  # a short row: prefer the code that compiles faster
        found = smallest(holds, bottom, top)
    else:
        b = _closed_in(lambda t: tree_sum(*above(t)), weigh, mass, total, bottom, top)
        inside = jnp.where((values > b.low) & (values <= b.high), values, -jnp.inf)
        candidates = largest_values(inside)
        few = candidates[-1] == -jnp.inf

        def confirmed():
            sums = jnp.cumsum(jnp.where(candidates > b.low, weigh(candidates), 0.0))
            start = jnp.sum(b.above_high + sums < mass)
            return candidates[settled(candidates, start, hold, sure=~few)]

        def bisected():
            # In a batch both branches run, so a row that needs no bisection must not iterate.
            low = jnp.where(few, candidates[0], smallest_value(inside))
            return smallest(holds, low, candidates[0])

        found = lax.cond(few, confirmed, bisected)
    found = jnp.where(total < mass, -jnp.inf, jnp.where(mass > 0, found, top))
    return jnp.where(jnp.isnan(mass), jnp.nan, found)


def kth_value(values: jax.Array, k: jax.Array | float, top: jax.Array) -> jax.Array:
    """Return the k-th largest of the values `[V]` above -inf; -inf if there are fewer than k.

    Counts are float32, exact up to 2**24 values. `top` is the largest.
    """
    one, mass = jnp.float32(1), jnp.asarray(k, jnp.float32)
    count = tree_sum(jnp.where(values > -jnp.inf, one, 0.0))
    return value_at_mass(values, one, jnp.ones_like, mass, count, top)


def smallest_value(values: jax.Array) -> jax.Array:
    """Return the smallest of the values above -inf."""
    return jnp.min(jnp.where(values > -jnp.inf, values, jnp.inf))


def smallest(holds: Callable[[jax.Array], jax.Array], low: jax.Array, high: jax.Array) -> jax.Array:
    """Return the smallest float32 t in `[low, high]` with `holds(t)`; `high` if there is none.

    `holds` must be monotone: if it is true at t, it is true at every larger t.
    """

    def between(lo, hi):
        return lo, hi, from_ordered(lo + (hi - lo) // 2)

    def halve(bounds):
        lo, hi, t = bounds
        found, middle = holds(t), lo + (hi - lo) // 2
        return between(jnp.where(found, lo, middle + 1), jnp.where(found, middle, hi))

    bounds = between(to_ordered(low), to_ordered(high))
    return from_ordered(lax.while_loop(lambda b: b[0] < b[1], halve, bounds)[1])


def to_ordered(x: jax.Array) -> jax.Array:
    """Map float32 to uint32 so that the order is kept (-0 is just below +0)."""
    bits = lax.bitcast_convert_type(x, jnp.uint32)
    return jnp.where(bits >> 31, ~bits, bits | jnp.uint32(0x80000000))


def from_ordered(u: jax.Array) -> jax.Array:
    """Invert `to_ordered`."""
    return lax.bitcast_convert_type(jnp.where(u >> 31, u & jnp.uint32(0x7FFFFFFF), ~u), jnp.float32)


def _closed_in(above, weigh, mass, total, bottom, top):
    """Narrow the bracket of the threshold until few candidates are left in it."""

    def position(weight):
        # Log-odds are nearly linear in the logit for normal and for power-law rows.
        over = jnp.maximum(weight, CORNER * mass)
        return jnp.log(over) - jnp.log(jnp.maximum(total - weight, CORNER * (total - mass)))

    goal = position(mass)

    def wide(b):
        lightest = jnp.minimum(weigh(b.low), weigh(b.high))
        many = b.above_low - b.above_high > 0.75 * WIDTH * lightest
        open_ = (bottom < top) & (to_ordered(b.high) - to_ordered(b.low) > 1)
        return many & open_ & (b.probes < PROBES)

    def aimed(b):
        left = (position(b.above_low) - goal) * b.pull_low
        right = (goal - position(b.above_high)) * b.pull_high
        share = jnp.clip(left / (left + right), 0.002, 0.998)
        low, high = to_ordered(b.low), to_ordered(b.high)
        guess = to_ordered(b.low * (1 - share) + b.high * share)
        guess = jnp.where(b.probes % BISECT == BISECT - 1, low + (high - low) // 2, guess)
        return b._replace(at=from_ordered(jnp.clip(guess, low + 1, high - 1)))

    def probe(b):
        t, weight = b.at, above(b.at)
        low_moves = weight >= mass
        end = jnp.where(low_moves, jnp.int32(1), jnp.int32(-1))
        again = end == b.last
        moved = Bracket(
            low=jnp.where(low_moves, t, b.low),
            high=jnp.where(low_moves, b.high, t),
            above_low=jnp.where(low_moves, weight, b.above_low),
            above_high=jnp.where(low_moves, b.above_high, weight),
            pull_low=jnp.where(again & ~low_moves, b.pull_low / 2, 1.0),
            pull_high=jnp.where(again & low_moves, b.pull_high / 2, 1.0),
            last=end,
            probes=b.probes + 1,
            at=t,
        )
        return aimed(moved)

    # Next to 0 the previous float is -0 or subnormal, which hardware may flush to 0.
    below = bottom - jnp.maximum(jnp.abs(bottom) * 2.0**-20, 2.0**-100)
    one, none = jnp.float32(1), jnp.float32(0)
    start = Bracket(below, top, total, none, one, one, jnp.int32(0), jnp.int32(0), top)
    return lax.while_loop(wide, probe, aimed(start))
