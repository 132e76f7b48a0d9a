"""The parts of a transformer block: linear layers, norms and the MLP."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx

from ._config import TransformerConfig
from ._product import product

_ACTIVATIONS = {
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
}
_GLU_ALPHA = 1.702


def _last_axis(vector: jax.Array, like: jax.Array) -> jax.Array:
    """Give a vector the rank of `like`, so that no rank is promoted."""
    return jnp.expand_dims(vector, tuple(range(like.ndim - 1)))


class Linear(nnx.Module):
    """A linear layer from `[.., inputs]` to `[.., outputs]`, in the dtype of its input."""

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool, dtype, rngs: nnx.Rngs, scale: float = 1.0
    ):
        init = nnx.initializers.normal(scale / math.sqrt(inputs))
        self.kernel = nnx.Param(init(rngs.params(), (inputs, outputs), dtype))
        self.bias = nnx.Param(jnp.zeros((outputs,), dtype)) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        y = product(x, self.kernel[...])
        return y if self.bias is None else y + _last_axis(self.bias[...].astype(x.dtype), y)


def output_scale(config: TransformerConfig) -> float:
    """Return the initial scale of layers that add to the residual stream: there are two a block."""
    return 1 / math.sqrt(2 * config.layers)


def to_residual(config: TransformerConfig, inputs: int, *, bias: bool, rngs: nnx.Rngs) -> Linear:
    """Make the last layer of attention, or of what replaces it, or of an MLP."""
    scale = output_scale(config)
    return Linear(inputs, config.dim, bias=bias, dtype=config.dtype, rngs=rngs, scale=scale)


def unit_rms(x: jax.Array, eps: float) -> jax.Array:
    """Divide the last axis by its root mean square; `x` is float32."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + eps)


class Norm(nnx.Module):
    """An RMS norm or a layer norm of the last axis, computed in float32."""

    def __init__(self, size: int, config: TransformerConfig, *, kind: str | None = None):
        self.eps, self.offset = config.norm_eps, config.norm_offset
        self.centred = (kind or config.norm) == "layer"
        self.scale = nnx.Param(jnp.full((size,), 1.0 - config.norm_offset, config.dtype))
        self.bias = nnx.Param(jnp.zeros((size,), config.dtype)) if self.centred else None

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x.astype(jnp.float32)
        if self.centred:
            y = y - jnp.mean(y, axis=-1, keepdims=True)
        y = unit_rms(y, self.eps)
        y = y * _last_axis(self.scale[...].astype(jnp.float32) + self.offset, y)
        if self.bias is not None:
            y = y + _last_axis(self.bias[...].astype(jnp.float32), y)
        return y.astype(x.dtype)


class Mlp(nnx.Module):
    """The MLP of a block, gated if `config.gated` is true."""

    def __init__(self, config: TransformerConfig, inner: int, rngs: nnx.Rngs):
        width, bias = config.dim, config.mlp_bias
        self.config = config
        self.up = Linear(width, inner, bias=bias, dtype=config.dtype, rngs=rngs)
        self.gate = (
            Linear(width, inner, bias=bias, dtype=config.dtype, rngs=rngs) if config.gated else None
        )
        self.down = to_residual(config, inner, bias=bias, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        up = self.up(x)
        if self.gate is None:
            return self.down(activate(self.config, up))
        return self.down(glu(self.config, self.gate(x), up))


def activate(config: TransformerConfig, x: jax.Array) -> jax.Array:
    """Apply the activation function of the config."""
    return _ACTIVATIONS[config.activation](x)


def glu(config: TransformerConfig, gate: jax.Array, up: jax.Array) -> jax.Array:
    """Multiply the inner channels of a gated MLP by their activated gates."""
    limit = config.glu_limit
    if limit is None:
        return activate(config, gate) * up
    gate, up = jnp.minimum(gate, limit), jnp.clip(up, -limit, limit)
    return gate * jax.nn.sigmoid(_GLU_ALPHA * gate) * (up + 1)


def softcap(x: jax.Array, cap: float | None) -> jax.Array:
    """Bound `x` smoothly to (-cap, cap); None returns it unchanged."""
    return x if cap is None else cap * jnp.tanh(x / cap)
