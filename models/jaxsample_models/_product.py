"""The product of activations with weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def product(x: jax.Array, weight: jax.Array, axis: int = 0, dtype=None) -> jax.Array:
    """Multiply `[.., K]` by a matrix whose axis `axis` has K entries; return `[.., N]`.

    The weights are used in the dtype of `x`, which the result has too unless `dtype` is given.
    """
    weight, dtype = weight.astype(x.dtype), dtype or x.dtype
    if x.dtype != jnp.bfloat16:
        return _contract(x, weight, axis, dtype)
    rows = x.size // x.shape[-1]

    def on_cpu(x, weight):
        # XLA multiplies bfloat16 matrices as they are if it may return float32. Before a product
        # with one vector it converts the matrix on every call; a second row avoids that.
        if isinstance(rows, int) and rows == 1:
            return _contract(jnp.stack([x, x]), weight, axis, jnp.float32)[0].astype(dtype)
        return _contract(x, weight, axis, jnp.float32).astype(dtype)

    def elsewhere(x, weight):
        # Devices that add up parts of a result exchange half as much as in float32.
        return _contract(x, weight, axis, dtype)

    return jax.lax.platform_dependent(x, weight, cpu=on_cpu, default=elsewhere)


def _contract(x, weight, axis, dtype):
    axes = (((x.ndim - 1,), (axis,)), ((), ()))
    return jax.lax.dot_general(x, weight, axes, preferred_element_type=dtype)
