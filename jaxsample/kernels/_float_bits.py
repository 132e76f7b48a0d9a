"""Floats read by their bits: integers of the same order, and powers of two."""

import jax
import jax.numpy as jnp
from jax import lax


def ordered(x: jax.Array) -> jax.Array:
    """Map float32 to int32 so that the order is kept (-0 is just below +0)."""
    bits = lax.bitcast_convert_type(x, jnp.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def unordered(key: jax.Array) -> jax.Array:
    """Invert `ordered`."""
    return lax.bitcast_convert_type(key ^ ((key >> 31) & 0x7FFFFFFF), jnp.float32)


def power_to(x: jax.Array, bits: int) -> jax.Array:
    """Return the power of two that brings x >= 0 to at least 2**bits and below twice that.

    The largest and the smallest normal powers of two bound the result.
    """
    exponent = lax.bitcast_convert_type(jnp.asarray(x, jnp.float32), jnp.int32) >> 23
    return lax.bitcast_convert_type(jnp.clip(254 + bits - exponent, 1, 254) << 23, jnp.float32)
