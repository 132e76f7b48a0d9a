"""Short convolutions, which take the place of attention in some layers (LFM2)."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from ._config import TransformerConfig
from ._layers import Linear


class ConvolutionCache(NamedTuple):
    """The inputs of the last tokens of each row, oldest first: `[B, width - 1, D]`."""

    inputs: jax.Array


class Convolution(nnx.Module):
    """A causal convolution of each channel, over gated inputs, with gated outputs.

    In a row the tokens of one call come first and padding after them.
    """

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs):
        self.width = config.convolution_width
        dim, bias, dtype = config.dim, config.convolution_bias, config.dtype
        init = nnx.initializers.normal(1 / math.sqrt(self.width))
        self.inputs = Linear(dim, 3 * dim, bias=bias, dtype=dtype, rngs=rngs)
        self.taps = nnx.Param(init(rngs.params(), (dim, 1, self.width), dtype))
        self.bias = nnx.Param(jnp.zeros((dim,), dtype)) if bias else None
        self.out = Linear(
            dim,
            dim,
            bias=bias,
            dtype=dtype,
            rngs=rngs,
            scale=1 / math.sqrt(2 * config.layers),
        )

    def __call__(
        self, x: jax.Array, positions: jax.Array, cache: ConvolutionCache | None
    ) -> tuple[jax.Array, ConvolutionCache | None]:
        before, after, values = jnp.split(self.inputs(x), 3, axis=-1)
        values = before * values
        steps, past = x.shape[1], self.width - 1
        if cache is None:
            earlier = jnp.zeros((x.shape[0], past, x.shape[2]), x.dtype)
        else:
            earlier = cache.inputs.astype(x.dtype)
        row = jnp.concatenate([earlier, values], axis=1)
        taps = self.taps[...][:, 0].astype(x.dtype)
        total = jnp.zeros_like(values)
        for back in range(self.width):
            # A sequence starts at position 0, whatever the cache or the row holds before it.
            inputs = jnp.where((positions >= back)[..., None], row[:, past - back :][:, :steps], 0)
            total = total + inputs * taps[None, None, :, past - back]
        if self.bias is not None:
            total = total + self.bias[...].astype(x.dtype)[None, None]
        if cache is not None:
            count = jnp.sum(positions >= 0, axis=1, dtype=jnp.int32)
            last = count[:, None] + jnp.arange(past, dtype=jnp.int32)[None]
            kept = jnp.take_along_axis(row, last[..., None], axis=1)
            cache = ConvolutionCache(kept.astype(cache.inputs.dtype))
        return self.out(after * total), cache
