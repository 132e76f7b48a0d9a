"""What a row of logits must be, said once."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._tree import block_maxima, row_max


class Clean(NamedTuple):
    """A row fit for arithmetic.

    Attributes:
        values: `[V]` float32, without NaN or +inf; zeros if the row is invalid.
        tops: `[ceil(V / BLOCK)]`, the maximum of each block of `values`.
        max: the largest value, finite.
        valid: scalar bool.
    """

    values: jax.Array
    tops: jax.Array
    max: jax.Array
    valid: jax.Array


def clean(logits: jax.Array) -> Clean:
    """Make a row `[V]` fit for arithmetic, in one pass over it.

    A NaN anywhere, or nothing above -inf, makes the row invalid: it comes back as zeros. If the
    maximum is +inf, the +inf entries become 0 and the rest -inf.

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
    """Return how far each value lies below the maximum `top`: <= 0, finite, 0 for -inf.

    The clamp keeps a difference that overflows from becoming -inf, whose product with 0 is NaN.
    """
    gap = jnp.where(values > -jnp.inf, values, top) - top
    return jnp.maximum(gap, jnp.finfo(jnp.float32).min)
