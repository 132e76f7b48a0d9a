"""Arithmetic of transforms that move single logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

# exp(60) is 1e26: past any logit there is, and gradients through it stay finite.
MOST = 60.0
STEEP = 1e30


def bounded(logits: jax.Array) -> jax.Array:
    """Keep logits that overflowed finite: only a mask drops a token, only +inf is certain."""
    high = jnp.finfo(jnp.float32).max
    return jnp.clip(logits, -high, high)


@jax.custom_jvp
def raised(logits: jax.Array, by: jax.Array) -> jax.Array:
    """Add; a finite sum stays finite, and adding 0 changes no bit, that of -0.0 neither.

    Its derivatives are those of a sum, at 0 too.
    """
    total = logits + by
    total = jnp.where(jnp.isinf(by), total, bounded(total))
    return jnp.where(by == 0, logits, total)


@raised.defjvp
def _(primals, tangents):
    return raised(*primals), tangents[0] + tangents[1]


def unless_steep(x: jax.Array, slope: jax.Array) -> jax.Array:
    """Return x, as a constant where the derivative that goes through it is larger than STEEP.

    Sums of derivatives over a vocabulary then stay finite.
    """
    return jnp.where(slope <= STEEP, x, lax.stop_gradient(x))


def power(base: jax.Array | float, n: jax.Array) -> jax.Array:
    """Return base ** n for n >= 0, no more than exp(MOST); a base below 1e-6 counts as that."""
    base = jnp.maximum(base, 1e-6)
    log = lax.stop_gradient(jnp.log(base))
    most = jnp.where(log > 0, MOST / jnp.where(log > 0, log, 1.0), jnp.inf)
    return jnp.power(base, jnp.minimum(n.astype(jnp.float32), most))
