"""Keys of rows, samples, draws and sampler states."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.kernels._noise import as_key, fold_in


def row_keys(key: jax.Array, batch: int) -> jax.Array:
    """Return one key per row: `fold_in(key, b)` of a single key, or the given batch of keys.

    Raises:
        ValueError: if the number of keys is neither one nor `batch`.
    """
    key = as_key(key)
    if key.ndim and key.shape != (batch,):
        raise ValueError(f"key must be one key or {batch} row keys, got shape {list(key.shape)}")
    return key if key.ndim else keys_at(key, jnp.arange(batch))


def keys_at(key: jax.Array, index: jax.Array) -> jax.Array:
    """Return the keys of the rows `index` `[R]`, from one threefry key or those of all rows."""
    return key[index] if key.ndim else fold_in(jnp.broadcast_to(key, index.shape), index)


def sample_keys(keys: jax.Array, samples: int) -> jax.Array:
    """Return keys `[B * samples]`: sample g of row b has `fold_in(keys[b], g)`."""
    batch = keys.shape[0]
    return fold_in(jnp.repeat(keys, samples), jnp.tile(jnp.arange(samples), batch))


def draw_keys(keys: jax.Array, n: jax.Array) -> jax.Array:
    """Return the keys `[B]` for drawing token number n `[B]` of each row."""
    return fold_in(fold_in(keys, 0), n)


def init_keys(keys: jax.Array) -> jax.Array:
    """Return the keys `[B]` for starting the sampler's state of each row."""
    return fold_in(keys, 1)
