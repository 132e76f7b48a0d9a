"""Token ids: checked, packed into int32 arrays, and looked up in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_LOW, _HIGH = -(2**31), 2**31 - 1


def as_int32(name: str, x: jax.Array | np.ndarray | np.generic) -> jax.Array | np.ndarray:
    """Return an array of numbers as int32.

    Arrays on a device and traced arrays are not read. Their numbers are clipped to the range of
    int32, so that no id wraps to another id.

    Raises:
        ValueError: if an array on the host holds a number that is not whole or outside int32.
    """
    if isinstance(x, jax.Array):
        if jnp.issubdtype(x.dtype, jnp.integer) and jnp.iinfo(x.dtype).max > _HIGH:
            low = max(_LOW, int(jnp.iinfo(x.dtype).min))
            x = jnp.clip(x, jnp.asarray(low, x.dtype), jnp.asarray(_HIGH, x.dtype))
        return x.astype(jnp.int32)
    x = np.asarray(x)
    wrong = x[~((x == np.trunc(x)) & (x >= _LOW) & (x <= _HIGH))]
    if wrong.size:
        raise ValueError(f"{name} must be whole numbers in [{_LOW}, {_HIGH}], got {wrong.flat[0]}")
    return x.astype(np.int32)


def pack_ids(name: str, ids: Any, low: int = 0) -> jax.Array | np.ndarray:
    """Return one token id, a collection of them, or an array as an int32 array `[N]`.

    A negative id in an array is padding.

    Raises:
        ValueError: if they are not integers, if a Python int is below `low`, or if a number on the
            host lies outside int32.
    """
    if isinstance(ids, np.ndarray | np.generic | jax.Array):
        if ids.size and not jnp.issubdtype(ids.dtype, jnp.integer):
            raise ValueError(f"{name} must be integers, got {ids.dtype}")
        array = as_int32(name, ids)
        return array if array.ndim else array[None]
    if isinstance(ids, int):
        ids = [ids]
    if isinstance(ids, set | frozenset | range):
        ids = sorted(ids)
    if not isinstance(ids, list | tuple):
        raise ValueError(f"{name} must be token ids, got {ids!r}")
    for i in ids:
        whole = isinstance(i, int | np.integer) and not isinstance(i, bool)
        if not whole or not low <= i <= _HIGH:
            raise ValueError(f"{name} must be whole numbers in [{low}, {_HIGH}], got {i!r}")
    return np.array(ids, np.int32)


def token_row(name: str, ids: Any) -> jax.Array | np.ndarray:
    """Return one row of token ids, a list or an array, as int32 `[N]`.

    Raises:
        ValueError: if it is not one row of integers, or a number on the host lies outside int32.
    """
    if not isinstance(ids, jax.Array):
        ids = np.asarray(ids) if len(ids) else np.zeros(0, np.int32)
    if ids.ndim != 1 or not jnp.issubdtype(ids.dtype, jnp.integer):
        raise ValueError(
            f"{name} must be one row of token ids, got {ids.dtype}{list(ids.shape)}; "
            "use jax.vmap for a batch"
        )
    return as_int32(name, ids)


def pack_sequences(name: str, sequences: Any) -> jax.Array | np.ndarray:
    """Return token sequences as an int32 array `[S, L]`, padded with -1 on the right.

    Raises:
        ValueError: if a list is empty or holds anything but token ids, or an array has fewer than
            two axes.
    """
    if isinstance(sequences, np.ndarray | jax.Array):
        if sequences.ndim < 2:
            raise ValueError(f"{name} must be [S, L], got shape {list(sequences.shape)}")
        return pack_ids(name, sequences)
    if isinstance(sequences, str) or not isinstance(sequences, Sequence | set | frozenset):
        raise ValueError(f"{name} must be a list of token sequences, got {sequences!r}")
    packed = [np.asarray(pack_ids(name, s)) for s in sequences if not isinstance(s, int)]
    if len(packed) < len(sequences) or not all(s.ndim == 1 and s.size for s in packed):
        raise ValueError(f"{name} must be sequences of one token or more, got {sequences!r}")
    table = np.full((len(packed), max([s.size for s in packed], default=1)), -1, np.int32)
    for row, ids in zip(table, packed, strict=True):
        row[: ids.size] = ids
    return table


def places(ids: jax.Array, size: int) -> jax.Array:
    """Return ids as indices for mode="drop": ids outside a row of `size` become `size`."""
    ids = jnp.asarray(ids)
    return jnp.where((ids >= 0) & (ids < size), ids, size)


def among(ids: jax.Array, size: int) -> jax.Array:
    """Return a mask of the vocabulary, `[V]` bool, that is true at the ids."""
    return jnp.zeros(size, bool).at[places(ids, size)].set(True, mode="drop")


def lengths(table: jax.Array) -> jax.Array:
    """Return the lengths `[S]` of packed sequences `[S, L]`, int32."""
    return jnp.sum(jnp.asarray(table) >= 0, axis=-1, dtype=jnp.int32)
