"""Experts: MLPs of which each token goes through a few.

No token is dropped and none waits for another: the result for a token is the weighted sum of its
experts, as if each were computed alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from ._config import TransformerConfig
from ._layers import Linear, glu, output_scale
from ._product import product

_LARGEST_BLOCK = 128


class Linears(nnx.Module):
    """A linear layer for each expert."""

    def __init__(self, experts: int, inputs: int, outputs: int, *, bias: bool, dtype, rngs, scale):
        init = nnx.initializers.normal(scale / math.sqrt(inputs))
        self.kernel = nnx.Param(init(rngs.params(), (experts, inputs, outputs), dtype))
        self.bias = nnx.Param(jnp.zeros((experts, outputs), dtype)) if bias else None

    def __call__(self, x: jax.Array, expert: jax.Array) -> jax.Array:
        """Apply the layer of one expert to `[tokens, inputs]`."""
        y = product(x, self.kernel[...][expert])
        return y if self.bias is None else y + self.bias[...][expert][None].astype(x.dtype)


class Experts(nnx.Module):
    """A router and its experts, in place of an MLP."""

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs):
        routing = config.routing
        assert routing is not None
        self.config, self.routing = config, routing
        width, inner = config.dim, routing.dim
        bias, dtype = routing.bias, config.dtype
        self.router = Linear(width, routing.experts, bias=bias, dtype=dtype, rngs=rngs)

        def linears(inputs, outputs, scale=1.0):
            return Linears(
                routing.experts, inputs, outputs, bias=bias, dtype=dtype, rngs=rngs, scale=scale
            )

        self.up, self.gate = linears(width, inner), linears(width, inner)
        self.down = linears(inner, width, output_scale(config))

    def __call__(self, x: jax.Array) -> jax.Array:
        tokens = x.reshape(-1, x.shape[-1])
        weights, chosen = self._route(tokens)
        blocks = _blocks(chosen, self.routing.experts)
        padded = jnp.take(tokens, blocks.tokens, axis=0, mode="clip")

        def one(block):
            rows, expert = block
            inner = glu(self.config, self.gate(rows, expert), self.up(rows, expert))
            return self.down(inner, expert)

        # A loop, so that of all experts only those of the block are read.
        outputs = jax.lax.map(one, (padded, blocks.experts)).reshape(-1, x.shape[-1])
        each = outputs[blocks.slots] * weights[..., None].astype(x.dtype)
        return each.sum(axis=1).reshape(x.shape)

    def _route(self, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Choose the experts of tokens `[N, D]`: their weights and numbers, `[N, chosen]` each."""
        shares = jax.nn.softmax(self.router(tokens).astype(jnp.float32), axis=-1)
        weights, chosen = jax.lax.top_k(shares, self.routing.chosen)
        if self.routing.normalized:
            weights = weights / weights.sum(axis=-1, keepdims=True)
        return weights, chosen


class _Blocks(NamedTuple):
    """Tokens in blocks of equal size, each for one expert.

    Attributes:
        tokens: the token in each place of each block, `[blocks, size]`; any where it has none.
        experts: the expert of each block, `[blocks]`.
        slots: the place, among all blocks, of each token for each of its experts, `[N, chosen]`.
    """

    tokens: jax.Array
    experts: jax.Array
    slots: jax.Array


def _blocks(chosen: jax.Array, experts: int) -> _Blocks:
    """Sort tokens, with their experts `[N, chosen]`, into blocks."""
    pairs = chosen.size
    # Blocks of one waste nothing. Larger ones read an expert once for many tokens, and waste at
    # most one block for each expert.
    size = min(_LARGEST_BLOCK, 1 << max(0, (pairs // experts).bit_length() - 1))
    count = (pairs + min(pairs, experts) * (size - 1)) // size
    flat = chosen.reshape(-1).astype(jnp.int32)
    order = jnp.argsort(flat).astype(jnp.int32)
    ordered = flat[order]
    of_expert = jnp.zeros(experts, jnp.int32).at[flat].add(1)
    blocks = (of_expert + size - 1) // size
    start = jnp.cumsum(of_expert, dtype=jnp.int32) - of_expert
    end = jnp.cumsum(blocks, dtype=jnp.int32)
    rank = jnp.arange(pairs, dtype=jnp.int32) - start[ordered]
    places = (end - blocks)[ordered] * size + rank
    slots = jnp.zeros(pairs, jnp.int32).at[order].set(places)
    tokens = jnp.zeros(count * size, jnp.int32).at[places].set(order // chosen.shape[1])
    numbers = jnp.arange(count, dtype=jnp.int32)
    owner = jnp.sum(end[None] <= numbers[:, None], axis=1, dtype=jnp.int32)
    return _Blocks(
        tokens.reshape(count, size), jnp.minimum(owner, experts - 1), slots.reshape(chosen.shape)
    )
