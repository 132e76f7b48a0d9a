"""The product of activations with weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def product(x: jax.Array, weight: jax.Array, axis: int = 0) -> jax.Array:
    """Multiply `[.., K]` by a matrix whose axis `axis` has K entries; return float32 `[.., N]`.

    The sums are float32. The weights are used in the dtype of `x`.
    """
    weight = weight.astype(x.dtype)
    if x.dtype != jnp.bfloat16:
        return _contract(x, weight, axis)
    # On a CPU, XLA multiplies bfloat16 matrices as they are, but before a product with one vector
    # it converts the matrix to float32 on every call. A second row avoids that.
    rows = x.size // x.shape[-1]
    if not isinstance(rows, int) or rows > 1:  # or a size that is open until the program runs
        return _contract(x, weight, axis)

    def twice(x, weight):
        return _contract(jnp.stack([x, x]), weight, axis)[0]

    def once(x, weight):
        return _contract(x, weight, axis)

    return jax.lax.platform_dependent(x, weight, cpu=twice, default=once)


def _contract(x, weight, axis):
    axes = (((x.ndim - 1,), (axis,)), ((), ()))
    return jax.lax.dot_general(x, weight, axes, preferred_element_type=jnp.float32)
