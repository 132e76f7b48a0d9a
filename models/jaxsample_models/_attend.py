"""The sum over keys and values, for queries over a cache or over the tokens of one call.

Over a long cache it goes block by block, with a running softmax, as far as the row with the most
positions has written. So neither time nor memory depends on the length of the cache. The exception
is one query a row of a large batch on a CPU: a cache that is filled by a third is read as a whole,
in place.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from ._config import TransformerConfig
from ._layers import softcap

# Finite, because padding attends to nothing and -inf would make its outputs and gradients NaN.
_MASKED = -1e30
_SLOTS = 256
_QUERIES = 512
_FEW = 8
_MANY = 16
_SHARED = 4


def visible(queries: jax.Array, keys: jax.Array, window: int | None) -> jax.Array:
    """Tell which keys are at or before each query, and in its window; positions broadcast."""
    mask = keys <= queries
    return mask if window is None else mask & (keys > queries - window)


def attend(
    config: TransformerConfig,
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    sinks: jax.Array | None,
    mask: jax.Array,
    in_place: bool = False,
) -> jax.Array:
    """Attend from `[B, heads, T, size]` to `[B, kv_heads, S, size]`, where `mask` `[B, T, S]` says.

    Args:
        in_place: compute the scores without a matmul. That suits one query on a CPU, where a matmul
            transposes all keys first; with more queries it is slower. All are float32.

    Returns:
        `[B, heads, T, size]`.
    """
    scores = jnp.where(mask[:, None], _scores(config, query, key, in_place), _MASKED)
    if sinks is not None:
        column = jnp.broadcast_to(sinks[None, :, None, None], (*scores.shape[:-1], 1))
        scores = jnp.concatenate([scores, column], axis=-1)
    weights = jax.nn.softmax(scores, axis=-1)[..., : key.shape[2]].astype(value.dtype)
    return _weighted(weights, value).astype(value.dtype)


def attend_cached(
    config: TransformerConfig,
    window: int | None,
    query: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    sinks: jax.Array | None,
    positions: jax.Array,
) -> jax.Array:
    """Attend from `[B, heads, T, size]` at `positions` `[B, T]` to slots `[B, kv_heads, S, size]`.

    Slot j holds position j.
    """
    given = query, keys, values, sinks, positions
    batch, heads, steps, _ = query.shape
    slots = keys.shape[2]
    whole = functools.partial(_all_slots, config, window)
    blocks = whole if slots <= _SLOTS else functools.partial(_by_blocks, config, window)
    on_cpu = blocks
    third = slots // 3
    wide = window is None or window >= third
    # In place, each query of a key head reads the keys again.
    few = heads <= _SHARED * keys.shape[1]
    # An exported function may leave the number of rows open. It reads blocks.
    many = isinstance(batch, int) and batch >= _MANY
    if steps == 1 and many and few and wide and keys.dtype == jnp.float32:
        # Blocks of so many rows leave the processor's own memory. Copying a block and transposing
        # its keys then takes about three times as long for each slot as reading the cache in
        # place. With jax 0.10 a cache of bfloat16 would be converted first.
        in_place = functools.partial(whole, in_place=True)
        filled = jnp.max(positions) + 1 >= third
        by_fill = functools.partial(jax.lax.cond, filled, in_place, blocks)
        on_cpu = in_place if slots <= _SLOTS else by_fill
    if steps <= _FEW:
        # A GPU may wait for the host at each block; for few queries reading all slots is cheap.
        return jax.lax.platform_dependent(
            *given, cpu=on_cpu, cuda=whole, rocm=whole, default=blocks
        )
    if steps <= _QUERIES:
        return blocks(*given)
    chunks = -(-steps // _QUERIES)
    room = chunks * _QUERIES - steps
    queries = jnp.pad(query, ((0, 0), (0, 0), (0, room), (0, 0)))
    places = jnp.pad(positions, ((0, 0), (0, room)), constant_values=-1)
    queries = jnp.stack(jnp.split(queries, chunks, axis=2))
    places = jnp.stack(jnp.split(places, chunks, axis=1))

    def one(chunk):
        return blocks(chunk[0], keys, values, sinks, chunk[1])

    y = jax.lax.map(one, (queries, places))
    return jnp.concatenate(list(y), axis=2)[:, :, :steps]


def _all_slots(config, window, query, keys, values, sinks, positions, in_place=False) -> jax.Array:
    slots = jnp.arange(keys.shape[2], dtype=positions.dtype)
    mask = visible(positions[:, :, None], slots[None, None], window)
    return attend(config, query, keys, values, sinks, mask, in_place)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _by_blocks(config, window, query, keys, values, sinks, positions) -> jax.Array:
    batch, heads, steps, size = query.shape
    slots = keys.shape[2]
    block = jnp.arange(_SLOTS, dtype=jnp.int32)

    def more(i, state):
        largest, total, y = state
        # The last block may begin earlier, in order not to pass the end; its first slots are then
        # those of the block before.
        start = jnp.minimum(i * _SLOTS, slots - _SLOTS)
        key, value = (
            jax.lax.dynamic_slice_in_dim(cache, start, _SLOTS, axis=2) for cache in (keys, values)
        )
        places = start + block
        mask = visible(positions[:, :, None], places[None, None], window)
        mask &= (places >= i * _SLOTS)[None, None]
        scores = jnp.where(mask[:, None], _scores(config, query, key), _MASKED)
        now = jnp.maximum(largest, scores.max(axis=-1))
        weights = jnp.exp(scores - now[..., None])
        # The weights of masked keys vanish: `fade` multiplies those before the first visible key by
        # 0, and the `exp` of those after it is 0.
        fade = jnp.exp(largest - now)
        total = total * fade + weights.sum(axis=-1)
        return now, total, y * fade[..., None] + _weighted(weights.astype(value.dtype), value)

    state = (
        jnp.full((batch, heads, steps), _MASKED, jnp.float32),
        jnp.zeros((batch, heads, steps), jnp.float32),
        jnp.zeros((batch, heads, steps, size), jnp.float32),
    )
    if sinks is not None:
        state = (
            jnp.broadcast_to(sinks[None, :, None], state[0].shape),
            jnp.ones_like(state[1]),
            state[2],
        )
    first = 0
    if window is not None:
        earliest = jnp.min(jnp.where(positions < 0, slots, positions))
        first = jnp.maximum(earliest - window + 1, 0) // _SLOTS
    last = jnp.minimum(jnp.max(positions), slots - 1) // _SLOTS + 1
    _, total, y = jax.lax.fori_loop(first, last, more, state)
    # A total is at least 1, except where no block was read.
    return (y / jnp.maximum(total, 1.0)[..., None]).astype(values.dtype)


@_by_blocks.defjvp
def _differentiate(config, window, primals, tangents):
    # Reverse mode needs a loop of fixed length.
    return jax.jvp(functools.partial(_all_slots, config, window), primals, tangents)


def _scores(
    config: TransformerConfig, query: jax.Array, key: jax.Array, in_place: bool = False
) -> jax.Array:
    """Compute scores `[B, heads, T, S]` in float32."""
    batch, heads, steps, size = query.shape
    # Queries that share a key head become rows of one matmul, so keys need not be repeated.
    grouped = query.reshape(batch, key.shape[1], -1, size)
    if in_place:
        scores = (grouped[:, :, :, None] * key[:, :, None]).sum(axis=-1)
    else:
        scores = jnp.einsum("bkqd,bksd->bkqs", grouped, key, preferred_element_type=jnp.float32)
    scores = scores.reshape(batch, heads, steps, -1) / math.sqrt(config.query_scale or size)
    return softcap(scores, config.attention_softcap)


def _weighted(weights: jax.Array, value: jax.Array) -> jax.Array:
    """Sum values `[B, kv_heads, S, size]` by weights `[B, heads, T, S]`, in float32."""
    batch, heads, steps, slots = weights.shape
    grouped = weights.reshape(batch, value.shape[1], -1, slots)
    y = jnp.einsum("bkqs,bksd->bkqd", grouped, value, preferred_element_type=jnp.float32)
    return y.reshape(batch, heads, steps, -1)
