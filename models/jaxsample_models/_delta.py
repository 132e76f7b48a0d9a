"""Gated delta layers, whose memory of a row is one matrix a head (Qwen 3.5).

Each token fades the matrix, takes out what it holds under the token's key, and puts in a mix of
that and the token's value. Prompts go through it in chunks; in each, this is a triangular system.

Reference: Yang et al., 2024, https://arxiv.org/abs/2412.06464
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from ._config import TransformerConfig
from ._convolution import convolve, taps
from ._layers import Linear, to_residual, unit_rms

_CHUNK = 64


class DeltaCache(NamedTuple):
    """The state of each row in a layer.

    Attributes:
        inputs: the inputs of its convolution for the last tokens, `[B, width - 1, channels]`.
        memory: float32 `[B, heads, key_dim, value_dim]`.
    """

    inputs: jax.Array
    memory: jax.Array


class DeltaLayer(nnx.Module):
    """A gated delta layer, in place of attention."""

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs):
        delta = config.delta
        assert delta is not None
        self.delta, self.eps = delta, config.norm_eps
        dim, dtype = config.dim, config.dtype
        inner = delta.heads * delta.value_dim

        def linear(outputs: int) -> Linear:
            return Linear(dim, outputs, bias=False, dtype=dtype, rngs=rngs)

        self.inputs = linear(delta.channels)
        self.gate, self.strength, self.step = (
            linear(inner),
            linear(delta.heads),
            linear(delta.heads),
        )
        self.taps = taps(delta.channels, delta.width, dtype, rngs)
        self.fade = nnx.Param(jnp.zeros((delta.heads,), dtype))
        self.step_bias = nnx.Param(jnp.ones((delta.heads,), dtype))
        self.scale = nnx.Param(jnp.ones((delta.value_dim,), dtype))
        self.out = to_residual(config, inner, bias=False, rngs=rngs)

    def __call__(
        self, x: jax.Array, positions: jax.Array, cache: DeltaCache | None
    ) -> tuple[jax.Array, DeltaCache | None]:
        delta, here = self.delta, (positions >= 0)[..., None]
        earlier = None if cache is None else cache.inputs
        mixed, kept = convolve(self.inputs(x), positions, self.taps[...], earlier)
        query, key, value = self._heads(jax.nn.silu(mixed).astype(jnp.float32))
        # Padding puts nothing in and fades nothing.
        strength = jnp.where(here, jax.nn.sigmoid(self.strength(x).astype(jnp.float32)), 0.0)
        step = (
            self.step(x).astype(jnp.float32) + self.step_bias[...].astype(jnp.float32)[None, None]
        )
        rate = jnp.exp(self.fade[...].astype(jnp.float32))[None, None]
        fade = jnp.where(here, -rate * jax.nn.softplus(step), 0.0)
        if cache is None:
            shape = (x.shape[0], delta.heads, delta.key_dim, delta.value_dim)
            memory = jnp.zeros(shape, jnp.float32)
        else:
            starts = jnp.any(positions == 0, axis=1)
            memory = jnp.where(starts[:, None, None, None], 0.0, cache.memory)
        strength, fade = strength.swapaxes(1, 2), fade.swapaxes(1, 2)
        y, memory = _through(query, key, value, strength, fade, memory)
        y = unit_rms(y, self.eps) * self.scale[...].astype(jnp.float32)[None, None, None]
        y = y.swapaxes(1, 2).reshape(*x.shape[:2], -1)
        y = (y * jax.nn.silu(self.gate(x).astype(jnp.float32))).astype(x.dtype)
        return self.out(y), None if kept is None else DeltaCache(kept, memory)

    def _heads(self, mixed: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Split channels into queries, keys and values, `[B, heads, T, size]` each."""
        delta = self.delta
        keys = delta.key_heads * delta.key_dim
        parts = jnp.split(mixed, (keys, 2 * keys), axis=-1)
        query, key, value = (
            part.reshape(*mixed.shape[:2], -1, size).swapaxes(1, 2)
            for part, size in zip(
                parts, (delta.key_dim, delta.key_dim, delta.value_dim), strict=True
            )
        )
        repeats = delta.heads // delta.key_heads
        query, key = (jnp.repeat(_unit(y), repeats, axis=1) for y in (query, key))
        return query / math.sqrt(delta.key_dim), key, value


def _unit(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-6)


def _through(query, key, value, strength, fade, memory) -> tuple[jax.Array, jax.Array]:
    """Pass all tokens, chunk by chunk: outputs `[B, heads, T, value_dim]`, and the memory."""
    steps = query.shape[2]
    size = min(_CHUNK, steps)
    count = -(-steps // size)
    room = count * size - steps

    def chunks(x: jax.Array) -> jax.Array:
        x = jnp.pad(x, ((0, 0), (0, 0), (0, room)) + ((0, 0),) * (x.ndim - 3))
        return jnp.stack(jnp.split(x, count, axis=2))

    def one(memory, chunk):
        y, memory = _chunk(chunk, memory)
        return memory, y

    given = tuple(chunks(x) for x in (query, key, value, strength, fade))
    memory, y = jax.lax.scan(one, memory, given)
    return jnp.concatenate(list(y), axis=2)[:, :, :steps], memory


def _chunk(chunk: tuple[jax.Array, ...], memory: jax.Array) -> tuple[jax.Array, jax.Array]:
    query, key, value, strength, fade = chunk
    faded = jnp.cumsum(fade, axis=-1)
    size = query.shape[2]
    later = jnp.tril(jnp.ones((size, size), bool))[None, None]
    between = jnp.where(later, faded[..., :, None] - faded[..., None, :], -jnp.inf)
    between = jnp.exp(between)
    weighted = key * strength[..., None]
    system = jnp.einsum("bhtk,bhsk->bhts", weighted, key) * between
    # Subtract from the values the part that the memory before the chunk holds under each key.
    held = jnp.einsum("bhtk,bhkv->bhtv", weighted * jnp.exp(faded)[..., None], memory)
    new = jax.lax.linalg.triangular_solve(
        system,
        value * strength[..., None] - held,
        left_side=True,
        lower=True,
        unit_diagonal=True,
    )
    near = jnp.einsum("bhtk,bhsk->bhts", query, key) * between
    y = jnp.einsum("bhts,bhsv->bhtv", near, new)
    y = y + jnp.einsum("bhtk,bhkv->bhtv", query * jnp.exp(faded)[..., None], memory)
    left = jnp.exp(faded[..., -1:] - faded)[..., None]
    memory = memory * jnp.exp(faded[..., -1])[..., None, None]
    return y, memory + jnp.einsum("bhtk,bhtv->bhkv", key * left, new)
