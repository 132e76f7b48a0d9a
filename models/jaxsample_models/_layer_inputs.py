"""Embeddings of a token for every layer, beside the one that enters the first (Gemma 4 E2B)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx

from ._config import TransformerConfig
from ._layer_kinds import LayerInputs
from ._layers import Linear, Norm, activate, to_residual


class InputTable(nnx.Module):
    """The inputs of all layers, computed from tokens and from their embeddings."""

    def __init__(self, config: TransformerConfig, inputs: LayerInputs, rngs: nnx.Rngs):
        self.config, self.size = config, inputs.dim
        whole = config.layers * inputs.dim
        init = nnx.initializers.normal(0.02)
        self.table = nnx.Param(init(rngs.params(), (inputs.vocab_size, whole), config.dtype))
        self.projection = Linear(config.dim, whole, bias=False, dtype=config.dtype, rngs=rngs)
        self.norm = Norm(inputs.dim, config)

    def __call__(self, tokens: jax.Array, x: jax.Array) -> jax.Array:
        """Compute inputs `[layers, B, T, size]` from tokens `[B, T]` and embeddings `[B, T, D]`."""
        stored = jnp.take(self.table[...], tokens, axis=0, mode="clip").astype(x.dtype)
        stored = self._split(stored * jnp.asarray(math.sqrt(self.size), x.dtype))
        scale = jnp.asarray(1 / math.sqrt(self.config.dim), x.dtype)
        made = self.norm(self._split(self.projection(x) * scale))
        return jnp.moveaxis((made + stored) * jnp.asarray(math.sqrt(0.5), x.dtype), 2, 0)

    def _split(self, y: jax.Array) -> jax.Array:
        return y.reshape(*y.shape[:-1], self.config.layers, self.size)


class InputGate(nnx.Module):
    """The part of a block that adds its own input to the residual stream."""

    def __init__(self, config: TransformerConfig, inputs: LayerInputs, rngs: nnx.Rngs):
        self.config = config
        self.gate = Linear(config.dim, inputs.dim, bias=False, dtype=config.dtype, rngs=rngs)
        self.out = to_residual(config, inputs.dim, bias=False, rngs=rngs)
        self.norm = Norm(config.dim, config)

    def __call__(self, x: jax.Array, given: jax.Array) -> jax.Array:
        return self.norm(self.out(activate(self.config, self.gate(x)) * given))
