"""Thresholds by bisection over the bits of a float, then noise for every token, as in t5x.

The bits of floats, read as integers, are ordered as the floats (reversed for negative ones). One
pass over the row fixes one bit, from the highest. So 32 passes find the largest threshold that
keeps k tokens, and 32 more the largest that keeps the mass p.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .compiled import by_settings, calling
from .warp import column, drop_below, min_p, temper

SIGN = np.uint32(1 << 31)


def bisect(enough, shape):
    """Return the largest float threshold, one per row, for which `enough(threshold)` holds."""

    def body(i, code):
        tried = code | (SIGN >> i.astype(jnp.uint32))
        return jnp.where(enough(_decode(tried)), tried, code)

    return _decode(lax.fori_loop(0, 32, body, jnp.zeros(shape, jnp.uint32)))


def _decode(code):
    """Map unsigned integers to floats in order; codes of NaNs become infinities."""
    negative = code < SIGN
    value = lax.bitcast_convert_type(jnp.where(negative, ~code, code ^ SIGN), jnp.float32)
    return jnp.where(jnp.isnan(value), jnp.where(negative, -jnp.inf, jnp.inf), value)


def keep_k(logits, k):
    """Keep the k largest of each row, and tokens equal to the k-th."""
    k = jnp.minimum(column(k), logits.shape[-1])
    shape = (logits.shape[0], 1)
    return drop_below(
        logits, bisect(lambda t: jnp.sum(logits >= t, axis=-1, keepdims=True) >= k, shape)
    )


def keep_p(logits, p):
    """Keep the most probable tokens of each row whose mass reaches p."""
    probs = jax.nn.softmax(logits, axis=-1)
    target = column(p) * jnp.sum(probs, axis=-1, keepdims=True)
    least = bisect(
        lambda t: jnp.sum(probs, axis=-1, keepdims=True, where=probs >= t) >= target,
        (logits.shape[0], 1),
    )
    return jnp.where(probs < least, -jnp.inf, logits)


@by_settings
def program(chain):
    def draw(key, logits):
        logits = temper(logits, chain)
        if chain["top_k"] is not None:
            logits = keep_k(logits, chain["top_k"])
        if chain["top_p"] is not None:
            logits = keep_p(logits, chain["top_p"])
        return jax.random.categorical(key, min_p(logits, chain))

    return draw


def prepare(path, chain):
    return calling(program(chain), path)
