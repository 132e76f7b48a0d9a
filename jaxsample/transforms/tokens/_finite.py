"""Arithmetic on logits with finite results and finite gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

MOST = 60.0  # exp(60) is 1e26, larger than any logit, and its gradients are finite
STEEP = 1e30  # the largest derivative that gradients follow


def bounded(logits: jax.Array) -> jax.Array:
    """Clip logits to finite numbers, so that an overflow neither drops nor forces a token."""
    high = jnp.finfo(jnp.float32).max
    return jnp.clip(logits, -high, high)


@jax.custom_jvp
def raised(logits: jax.Array, by: jax.Array) -> jax.Array:
    """Add a bias; finite sums stay finite, and adding 0 changes no bit, not even that of -0.0.

    The derivatives are those of a sum, also at 0.
    """
    total = logits + by
    total = jnp.where(jnp.isinf(by), total, bounded(total))
    return jnp.where(by == 0, logits, total)


@raised.defjvp
def _(primals, tangents):
    return raised(*primals), tangents[0] + tangents[1]


def unless_steep(x: jax.Array, slope: jax.Array) -> jax.Array:
    """Return x without its gradient where the derivative through it, `slope`, exceeds STEEP.

    A sum of derivatives over a vocabulary is then finite.
    """
    return jnp.where(slope <= STEEP, x, lax.stop_gradient(x))


def power(base: jax.Array | float, n: jax.Array) -> jax.Array:
    """Return base ** n for n >= 0, at most exp(MOST); a base below 1e-6 counts as 1e-6."""
    base = jnp.maximum(base, 1e-6)
    log = lax.stop_gradient(jnp.log(base))
    most = jnp.where(log > 0, MOST / jnp.where(log > 0, log, 1.0), jnp.inf)
    return jnp.power(base, jnp.minimum(n.astype(jnp.float32), most))
