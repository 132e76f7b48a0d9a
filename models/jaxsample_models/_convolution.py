"""Short convolutions, which take the place of attention in some layers (LFM2)."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from ._config import TransformerConfig
from ._layers import Linear, to_residual


class ConvolutionCache(NamedTuple):
    """The inputs of the last tokens of each row, oldest first: `[B, width - 1, D]`."""

    inputs: jax.Array


class Convolution(nnx.Module):
    """A causal convolution of each channel, over gated inputs, with gated outputs."""

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs):
        dim, bias, dtype = config.dim, config.convolution_bias, config.dtype
        self.inputs = Linear(dim, 3 * dim, bias=bias, dtype=dtype, rngs=rngs)
        self.taps = taps(dim, config.convolution_width, dtype, rngs)
        self.bias = nnx.Param(jnp.zeros((dim,), dtype)) if bias else None
        self.out = to_residual(config, dim, bias=bias, rngs=rngs)

    def __call__(
        self, x: jax.Array, positions: jax.Array, cache: ConvolutionCache | None
    ) -> tuple[jax.Array, ConvolutionCache | None]:
        before, after, values = jnp.split(self.inputs(x), 3, axis=-1)
        earlier = None if cache is None else cache.inputs
        total, kept = convolve(before * values, positions, self.taps[...], earlier)
        if self.bias is not None:
            total = total + self.bias[...].astype(x.dtype)[None, None]
        return self.out(after * total), None if kept is None else ConvolutionCache(kept)


def taps(channels: int, width: int, dtype, rngs: nnx.Rngs) -> nnx.Param:
    """Draw the taps of a convolution, oldest first, `[channels, 1, width]` as torch stores them."""
    init = nnx.initializers.normal(1 / math.sqrt(width))
    return nnx.Param(init(rngs.params(), (channels, 1, width), dtype))


def convolve(
    values: jax.Array, positions: jax.Array, taps: jax.Array, earlier: jax.Array | None
) -> tuple[jax.Array, jax.Array | None]:
    """Convolve each channel of `[B, T, D]` with the tokens before.

    In a row the tokens of one call come first and padding after them.

    Args:
        values: the inputs.
        positions: `[B, T]`, -1 at padding.
        taps: `[D, 1, width]`.
        earlier: the inputs of the last tokens, `[B, width - 1, D]`; None without a cache.

    Returns:
        The outputs `[B, T, D]`, and the inputs of the last tokens now, or None.
    """
    batch, steps, channels = values.shape
    past = taps.shape[-1] - 1
    before = jnp.zeros((batch, past, channels)) if earlier is None else earlier
    row = jnp.concatenate([before.astype(values.dtype), values], axis=1)
    total = jnp.zeros_like(values)
    for back in range(past + 1):
        # A sequence starts at position 0, whatever the cache or the row holds before it.
        inputs = jnp.where((positions >= back)[..., None], row[:, past - back :][:, :steps], 0)
        total = total + inputs * taps[None, None, :, 0, past - back].astype(values.dtype)
    if earlier is None:
        return total, None
    count = jnp.sum(positions >= 0, axis=1, dtype=jnp.int32)
    last = count[:, None] + jnp.arange(past, dtype=jnp.int32)[None]
    return total, jnp.take_along_axis(row, last[..., None], axis=1).astype(earlier.dtype)
