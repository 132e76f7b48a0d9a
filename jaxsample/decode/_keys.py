"""Keys of rows, samples, draws and sampler states."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.kernels._noise import as_key, fold_in


def row_keys(key: jax.Array, batch: int) -> jax.Array:
    """Return a key per row: `fold_in(key, b)` of a single key, or a batch of keys as it is.

    Raises:
        ValueError: if a batch of keys has another length than the batch.
    """
    key = as_key(key)
    if not key.ndim:
        return fold_in(jnp.broadcast_to(key, (batch,)), jnp.arange(batch))
    if key.shape != (batch,):
        raise ValueError(f"key must be one key or {batch} row keys, got shape {list(key.shape)}")
    return key


def sample_keys(keys: jax.Array, samples: int) -> jax.Array:
    """Return keys `[B * samples]`: sample g of row b has `fold_in(keys[b], g)`."""
    batch = keys.shape[0]
    return fold_in(jnp.repeat(keys, samples), jnp.tile(jnp.arange(samples), batch))


def draw_keys(keys: jax.Array, n: jax.Array) -> jax.Array:
    """Return the keys `[B]` that each row's token number n `[B]` is drawn with."""
    return fold_in(fold_in(keys, 0), n)


def init_keys(keys: jax.Array) -> jax.Array:
    """Return the keys `[B]` that each row's sampler state is made with."""
    return fold_in(keys, 1)
