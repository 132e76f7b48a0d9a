"""Functions of the values of a row, elementwise."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._float_bits import power_to
from jaxsample.kernels._per_row import once
from jaxsample.kernels._validity import HIGHEST, LOWEST, clamp_below

Number = jax.Array | float
Term = Callable[[jax.Array], jax.Array]

COLDEST = 1e-30  # a lower temperature is greedy
TOTAL_BITS = 29  # of the sum of integer weights, so that it stays below 2**30


def weighed(term: Term, values: jax.Array, top: jax.Array) -> jax.Array:
    """Return the term of each value, given the maximum `top`; 0 for a dropped token."""
    return jnp.where(values > -jnp.inf, term(clamp_below(values, top)), 0.0)


def nearness(values: jax.Array, top: jax.Array, centre: jax.Array) -> jax.Array:
    """Return minus the distance of each `value - top` from a centre; -inf for a dropped token."""
    return jnp.where(values > -jnp.inf, -jnp.abs(clamp_below(values, top) - centre), -jnp.inf)


def is_top(below: jax.Array) -> jax.Array:
    """Return 1 for values equal to the maximum, 0 for all others."""
    return jnp.where(below < 0, 0.0, jnp.ones_like(below))


def integer_unit(share: Number, total: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a factor that makes terms >= 0 integers, and the integer for a share of the total.

    The factor is a power of two. The integers of all terms sum to about 2**TOTAL_BITS, and to less
    than four times that.
    """
    unit = once(power_to(total, TOTAL_BITS))
    want = jnp.clip(jnp.ceil(share * (total * unit)), 0.0, 2.0**31 - 128)
    return unit, want.astype(jnp.int32)


def as_integers(terms: jax.Array, unit: jax.Array) -> jax.Array:
    """Return terms as int32 multiples of 1 / unit. Integers have the same sum in every order."""
    return (terms * unit + 0.5).astype(jnp.int32)


def division(
    top: jax.Array, limit: jax.Array | None, t: Number, filters: bool
) -> Callable[[jax.Array], jax.Array]:
    """Return a function from values to (value - top) / t; t = 0 maps all below `top` to -inf.

    Args:
        top: the largest value.
        limit: values below it are dropped.
        t: the temperature, >= 0.
        filters: if False, t = 0 maps every value to 0.
    """
    t = jnp.asarray(t, jnp.float32)
    hot = t > COLDEST
    # The derivative with respect to tiny t overflows, and the row is greedy anyway.
    safe = jnp.where(t > 1e-15, t, lax.stop_gradient(t))
    # Two factors: a negative number times both is -inf, and 0 stays 0.
    cold = HIGHEST if filters else 0.0
    factor, again = jnp.where(hot, 1.0 / jnp.where(hot, safe, 1.0), cold), jnp.where(hot, 1.0, cold)
    factor, again = once(factor), once(again)
    lowest = LOWEST if limit is None else jnp.maximum(limit, LOWEST)

    def change(values):
        below = jnp.maximum(values - top, LOWEST)
        # A greedy row has no derivative: infinity times 0 would be NaN. XLA removes the selection.
        below = jnp.where(hot, below, lax.stop_gradient(below)) * factor * again
        return jnp.where(values >= lowest, below, -jnp.inf)

    return change


def bending(
    top: jax.Array, limit: jax.Array | None, curve: Term
) -> Callable[[jax.Array], jax.Array]:
    """Return a function from values to curve(value - top); values below `limit` are dropped."""
    lowest = LOWEST if limit is None else jnp.maximum(limit, LOWEST)

    def change(values):
        return jnp.where(values >= lowest, curve(jnp.maximum(values - top, LOWEST)), -jnp.inf)

    return change


def check_scalar(x: Number) -> None:
    """Raise ValueError unless a hyperparameter is one number."""
    if jnp.ndim(x):
        raise ValueError(
            f"a row takes one number per hyperparameter, got shape {list(jnp.shape(x))}; for a "
            "setting per row use jax.vmap over the sampler, or sampler_axes=0"
        )
