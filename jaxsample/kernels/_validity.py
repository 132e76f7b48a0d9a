"""Checks and cleaning of a row of logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.kernels._largest import Largest, largest, row_max

LOWEST, HIGHEST = jnp.finfo(jnp.float32).min, jnp.finfo(jnp.float32).max


class Clean(NamedTuple):
    """The facts of a row that are known before any question.

    Attributes:
        fit: maps logits to float32 values without NaN and +inf, elementwise; to zeros if the row is
            invalid.
        found: the row's `Largest`, after `fit`.
        max: the largest value, finite.
        valid: scalar bool.
    """

    fit: Callable[[jax.Array], jax.Array]
    found: Largest
    max: jax.Array
    valid: jax.Array


def clean(logits: jax.Array) -> Clean:
    """Look at a row `[V]` in one pass.

    A row with a NaN, or with nothing above -inf, is invalid and becomes zeros. If the maximum is
    +inf, the +inf entries become 0 and all others -inf.

    Raises:
        ValueError: if `logits` is not one row.
    """
    if logits.ndim != 1 or not logits.shape[0]:
        raise ValueError(
            f"logits must be one row [V], got shape {list(logits.shape)}; "
            "use jax.vmap for a batch of rows"
        )
    found = largest(logits.astype(jnp.float32))
    top = row_max(found.tops)
    valid = top > -jnp.inf
    # Nothing is >= NaN, so an invalid row becomes `fill` everywhere.
    least = jnp.where(valid, jnp.where(top == jnp.inf, jnp.inf, -jnp.inf), jnp.nan)
    shift = jnp.where(top == jnp.inf, HIGHEST, 0.0)
    fill = jnp.where(valid, -jnp.inf, 0.0)

    def fit(x):
        x = x.astype(jnp.float32)
        return jnp.where(x >= least, jnp.minimum(x, HIGHEST) - shift, fill)

    tops, values, tokens, edge = found
    return Clean(fit, Largest(fit(tops), fit(values), tokens, fit(edge)), fit(top), valid)


def clamp_below(values: jax.Array, top: jax.Array) -> jax.Array:
    """Return each value minus the maximum `top`, finite, and 0 where the value is -inf.

    A difference that overflows is clamped to the lowest float32: -inf times 0 would be NaN.
    """
    gap = jnp.where(values > -jnp.inf, values, top) - top
    return jnp.maximum(gap, LOWEST)
