"""Thresholds on a row without sorting it: bisection over the bits of floats."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels.tree import tree_sum


def to_ordered(x: jax.Array) -> jax.Array:
    """Map float32 to uint32 keeping the order (-0 just below +0)."""
    bits = lax.bitcast_convert_type(x, jnp.uint32)
    return jnp.where(bits >> 31, ~bits, bits | jnp.uint32(0x80000000))


def from_ordered(u: jax.Array) -> jax.Array:
    """Invert `to_ordered`."""
    return lax.bitcast_convert_type(jnp.where(u >> 31, u & jnp.uint32(0x7FFFFFFF), ~u), jnp.float32)


def smallest(holds: Callable[[jax.Array], jax.Array], low: jax.Array, high: jax.Array) -> jax.Array:
    """Find the smallest float32 t in `[low, high]` with `holds(t)`, or `high` if there is none.

    `holds` must be monotone: once true, true for every larger t.
    """

    def halve(bounds):
        lo, hi = bounds
        middle = lo + (hi - lo) // 2
        found = holds(from_ordered(middle))
        return jnp.where(found, lo, middle + 1), jnp.where(found, middle, hi)

    bounds = to_ordered(low), to_ordered(high)
    return from_ordered(lax.while_loop(lambda b: b[0] < b[1], halve, bounds)[1])


def kth_value(values: jax.Array, k: jax.Array | float) -> jax.Array:
    """Return the k-th largest of the values `[V]` above -inf; the smallest if k is larger."""

    def few_above(t):
        return jnp.sum(values > t, dtype=jnp.int32) < k

    return smallest(few_above, smallest_value(values), jnp.max(values))


def value_at_mass(values: jax.Array, weights: jax.Array, mass: jax.Array) -> jax.Array:
    """Return the smallest of the values `[V]` with the weights strictly above it summing to < mass.

    Weights are >= 0, and 0 where the value is -inf. The largest value if none qualifies, NaN for
    a mass of NaN.
    """

    def little_above(t):
        return tree_sum(jnp.where(values > t, weights, 0.0)) < mass

    found = smallest(little_above, smallest_value(values), jnp.max(values))
    return jnp.where(jnp.isnan(mass), jnp.nan, found)


def smallest_value(values: jax.Array) -> jax.Array:
    """Return the smallest of the values above -inf."""
    return jnp.min(jnp.where(values > -jnp.inf, values, jnp.inf))
