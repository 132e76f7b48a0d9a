"""JAX peers run jitted, with logits on the device and a fresh key for each call."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import jax
import numpy as np

KEYS = 64


@functools.lru_cache(maxsize=2)
def rows(path: str) -> jax.Array:
    """Return the logits of an .npy file, on the device."""
    return jax.block_until_ready(jax.device_put(np.load(path)))


@functools.lru_cache(maxsize=8)
def keys(batch: int | None = None) -> list[jax.Array]:
    """Return keys that are split in advance and used in turn; `[B]` each if `batch` is given."""
    made = jax.random.split(jax.random.key(0), (KEYS,) if batch is None else (KEYS, batch))
    data = np.asarray(jax.random.key_data(made))  # indexing keys compiles once for each index
    return jax.block_until_ready([jax.random.wrap_key_data(one) for one in data])


def calling(function: Callable, path: str, *args, per_row: bool = False) -> Callable:
    """Return `call(i)`: the jitted `function(key, logits, *args)` under the i-th key."""
    logits = rows(path)
    chosen = keys(logits.shape[0] if per_row else None)

    def call(i):
        return jax.block_until_ready(function(chosen[i % KEYS], logits, *args))

    return call


def by_settings(build: Callable[[dict], Callable]) -> Callable[[dict], Callable]:
    """Jit the function that `build(chain)` returns, once for each chain."""

    @functools.cache
    def built(text):
        return jax.jit(build(json.loads(text)))

    return lambda chain: built(json.dumps(chain, sort_keys=True))
