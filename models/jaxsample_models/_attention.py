"""Grouped-query attention with masks computed from positions.

Prefill, chunked prefill and decoding share one code path and differ only in the positions they
pass. Slot j of the cache holds position j; a query attends to slots at or before its position.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.export
import jax.numpy as jnp
from flax import nnx

from ._attend import attend, attend_cached, visible
from ._config import TransformerConfig
from ._convolution import ConvolutionCache
from ._delta import DeltaCache
from ._layers import Linear, Norm, to_residual, unit_rms
from ._rotary import rotate


class LayerCache(NamedTuple):
    """Keys and values of one layer, each `[B, kv_heads, max_length, head_dim]`."""

    keys: jax.Array
    values: jax.Array


Cache = tuple[LayerCache | ConvolutionCache | DeltaCache | None, ...]

for kind in (LayerCache, ConvolutionCache, DeltaCache):
    jax.export.register_namedtuple_serialization(
        kind, serialized_name=f"jaxsample_models.{kind.__name__}"
    )


# With jit, because an eager `jnp.zeros` moves its 0 to the device, which transfer_guard refuses.
@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def init_cache(config: TransformerConfig, batch: int, max_length: int) -> Cache:
    """Make an empty cache for `batch` rows of at most `max_length` positions."""
    past = (batch, config.convolution_width - 1, config.dim)

    def empty(layer: int):
        if config.source(layer) != layer:
            return None
        if layer in config.convolutions:
            return ConvolutionCache(jnp.zeros(past, config.dtype))
        if config.delta is not None and layer in config.delta.layers:
            delta = config.delta
            inputs = (batch, delta.width - 1, delta.channels)
            memory = (batch, delta.heads, delta.key_dim, delta.value_dim)
            return DeltaCache(jnp.zeros(inputs, config.dtype), jnp.zeros(memory, jnp.float32))
        # Heads come before slots so that the matmuls of attention read the cache in place. With
        # any other order XLA copies the whole cache at each step (5 times slower at 1024 slots on
        # a CPU).
        kv_heads, size = config.key_heads(layer)
        shape = (batch, kv_heads, max_length, size)
        return LayerCache(jnp.zeros(shape, config.dtype), jnp.zeros(shape, config.dtype))

    return tuple(empty(layer) for layer in range(config.layers))


def mask_segment(positions: jax.Array, segments: jax.Array | None, window: int | None) -> jax.Array:
    """Compute which tokens of the same call each token attends to, `[B, T, T]`; never padding."""
    keys = positions[:, None, :]
    mask = visible(positions[:, :, None], keys, window) & (keys >= 0)
    if segments is not None:
        mask &= segments[:, :, None] == segments[:, None, :]
    return mask


class Attention(nnx.Module):
    """Attention over the cache, or over the tokens of the call if there is no cache."""

    def __init__(self, config: TransformerConfig, layer: int, rngs: nnx.Rngs):
        self.config = config
        kv_heads, size = config.key_heads(layer)
        self.size, dtype, bias = size, config.dtype, config.qkv_bias
        wide, narrow = config.heads * size, kv_heads * size
        self.query = Linear(config.dim, wide, bias=bias, dtype=dtype, rngs=rngs)
        own = config.source(layer) == layer

        def narrowed(wanted: bool) -> Linear | None:
            if not wanted:
                return None
            return Linear(config.dim, narrow, bias=bias, dtype=dtype, rngs=rngs)

        self.key = narrowed(own)
        self.value = narrowed(own and not config.keys_are_values(layer))
        gated = config.attention_gate
        self.gate = Linear(config.dim, wide, bias=bias, dtype=dtype, rngs=rngs) if gated else None
        self.out = to_residual(config, wide, bias=config.out_bias, rngs=rngs)

        def norm(whole: int) -> Norm | None:
            normed = whole if config.qk_norm_whole else size
            return Norm(normed, config, kind="rms") if config.qk_norm else None

        self.query_norm, self.key_norm = norm(wide), norm(narrow) if own else None
        self.sinks = nnx.Param(jnp.zeros((config.heads,), dtype)) if config.sinks else None

    def __call__(
        self,
        x: jax.Array,
        positions: jax.Array,
        mask: jax.Array | None,
        window: int | None,
        angles: tuple[jax.Array, jax.Array] | None,
        cache: LayerCache | None,
    ) -> tuple[jax.Array, LayerCache]:
        """Attend from `x` `[B, T, D]`: outputs of the same shape, and what the queries attend to.

        That is the written cache or, with a mask, the keys and values of the call. A layer without
        keys of its own is given that of another.
        """
        query = self._heads(self.query(x), self.query_norm)
        if angles is not None:
            query = rotate(query, *angles)
        if self.config.query_growth:
            query = query * _growth(self.config, positions).astype(query.dtype)
        query = query.swapaxes(1, 2)
        if self.key is not None:
            new = self._keys_and_values(self.key(x), x, angles)
            cache = new if cache is None else _written(cache, new, positions)
        assert cache is not None
        sinks = None if self.sinks is None else self.sinks[...].astype(jnp.float32)
        if mask is None:
            y = attend_cached(self.config, window, query, *cache, sinks, positions)
        else:
            y = attend(self.config, query, *cache, sinks, mask)
        y = y.swapaxes(1, 2).reshape(*x.shape[:-1], -1)
        if self.gate is not None:
            y = y * jax.nn.sigmoid(self.gate(x))
        return self.out(y), cache

    def _keys_and_values(self, key: jax.Array, x: jax.Array, angles) -> LayerCache:
        value = self._heads(key if self.value is None else self.value(x), None)
        if self.config.value_norm:
            value = unit_rms(value.astype(jnp.float32), self.config.norm_eps).astype(value.dtype)
        key = self._heads(key, self.key_norm)
        if angles is not None:
            key = rotate(key, *angles)
        return LayerCache(key.swapaxes(1, 2), value.swapaxes(1, 2))

    def _heads(self, y: jax.Array, norm: Norm | None) -> jax.Array:
        heads = (*y.shape[:-1], -1, self.size)
        if norm is None:
            return y.reshape(heads)
        return norm(y).reshape(heads) if self.config.qk_norm_whole else norm(y.reshape(heads))


def _growth(config: TransformerConfig, positions: jax.Array) -> jax.Array:
    """Compute the factor of queries at positions `[B, T]`: `[B, T, 1, 1]`."""
    assert config.rope_scaling is not None
    times = jnp.maximum(positions, 0) // config.rope_scaling.original
    return 1 + config.query_growth * jnp.log1p(times.astype(jnp.float32))[..., None, None]


def _written(cache: LayerCache, new: LayerCache, positions: jax.Array) -> LayerCache:
    return LayerCache(
        _write(cache.keys, new.keys, positions), _write(cache.values, new.values, positions)
    )


def _write(slots: jax.Array, new: jax.Array, positions: jax.Array) -> jax.Array:
    # Padding is sent to a slot that does not exist, so that the write drops it.
    target = jnp.where(positions < 0, slots.shape[2], positions)

    def write(slots, new, target):
        return slots.at[target].set(new.astype(slots.dtype), mode="drop")

    # vmap over rows and heads lets XLA write a partitioned cache without moving it.
    return jax.vmap(jax.vmap(write, in_axes=(0, 0, None)))(slots, new, target)
