"""Checks and cleaning of a row of logits."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._tree import block_maxima, row_max


class Clean(NamedTuple):
    """A row without NaN and +inf.

    Attributes:
        values: `[V]` float32; zeros if the row is invalid.
        tops: `[ceil(V / BLOCK)]`, the maximum of each block of `values`.
        max: the largest value, finite.
        valid: scalar bool.
    """

    values: jax.Array
    tops: jax.Array
    max: jax.Array
    valid: jax.Array


def clean(logits: jax.Array) -> Clean:
    """Remove NaN and +inf from a row `[V]`, in one pass over it.

    A row with a NaN, or with nothing above -inf, is invalid and becomes zeros. If the maximum is
    +inf, the +inf entries become 0 and all others -inf.

    Raises:
        ValueError: if `logits` is not one row.
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 1 or not logits.shape[0]:
        raise ValueError(
            f"logits must be one row [V], got shape {list(logits.shape)}; "
            "use jax.vmap for a batch of rows"
        )
    x = logits.astype(jnp.float32)
    # The barrier keeps XLA from reading the row again for its maximum.
    tops = lax.optimization_barrier(block_maxima(x))
    top = row_max(tops)
    valid = ~jnp.any(jnp.isnan(tops)) & (top > -jnp.inf)

    def fit(x):
        x = jnp.where(top == jnp.inf, jnp.where(x == jnp.inf, 0.0, -jnp.inf), x)
        return jnp.where(valid, x, 0.0)

    return Clean(fit(x), fit(tops), fit(top), valid)


def clamp_below(values: jax.Array, top: jax.Array) -> jax.Array:
    """Return each value minus the maximum `top`, finite, and 0 where the value is -inf.

    A difference that overflows is clamped to the lowest float32: -inf times 0 would be NaN.
    """
    gap = jnp.where(values > -jnp.inf, values, top) - top
    return jnp.maximum(gap, jnp.finfo(jnp.float32).min)
