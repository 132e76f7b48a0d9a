"""Token ids given by hand: checked, packed into arrays, and looked up in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._fields import show

_HIGH = 2**31 - 1


def pack_ids(name: str, ids: Any, low: int = 0) -> jax.Array | np.ndarray:
    """Return token ids as an int32 array `[N]`: one Python int, a flat list of them, or an array.

    Arrays are not validated: a negative id in one is padding.

    Raises:
        ValueError: if they are not integers, or a Python int lies below `low` or past int32.
    """
    if isinstance(ids, np.ndarray | np.generic | jax.Array):
        return _as_int32(name, ids)
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


def pack_sequences(name: str, sequences: Any) -> jax.Array | np.ndarray:
    """Return token sequences as an int32 array `[S, L]`, each filled up with -1 on the right.

    Raises:
        ValueError: if a sequence given as a list is empty or holds anything but token ids, or an
            array has fewer than two axes.
    """
    if isinstance(sequences, np.ndarray | jax.Array):
        if sequences.ndim < 2:
            raise ValueError(f"{name} must be [S, L], got shape {list(sequences.shape)}")
        return _as_int32(name, sequences)
    if isinstance(sequences, str) or not isinstance(sequences, Sequence | set | frozenset):
        raise ValueError(f"{name} must be a list of token sequences, got {sequences!r}")
    packed = [np.asarray(pack_ids(name, s)) for s in sequences if not isinstance(s, int)]
    if len(packed) < len(sequences) or not all(s.ndim == 1 and s.size for s in packed):
        raise ValueError(f"{name} must be sequences of one token or more, got {sequences!r}")
    table = np.full((len(packed), max([s.size for s in packed], default=1)), -1, np.int32)
    for row, ids in zip(table, packed, strict=True):
        row[: ids.size] = ids
    return table


def show_sequences(table: Any) -> str:
    """Print packed sequences as the lists they were given as, where they are at hand."""
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.size > 64:
        return show(table)
    return repr([[int(i) for i in row if i >= 0] for row in table])


def places(ids: jax.Array, size: int) -> jax.Array:
    """Return ids as places in a row of `size`, those outside it as `size`, for mode="drop"."""
    ids = jnp.asarray(ids)
    return jnp.where((ids >= 0) & (ids < size), ids, size)


def among(ids: jax.Array, size: int) -> jax.Array:
    """Return which tokens of the vocabulary the ids name, `[V]` bool."""
    return jnp.zeros(size, bool).at[places(ids, size)].set(True, mode="drop")


def lengths(table: jax.Array) -> jax.Array:
    """Return the lengths `[S]` of packed sequences `[S, L]`, int32."""
    return jnp.sum(jnp.asarray(table) >= 0, axis=-1, dtype=jnp.int32)


def _as_int32(name, ids):
    if ids.size and not jnp.issubdtype(ids.dtype, jnp.integer):
        raise ValueError(f"{name} must be integers, got {ids.dtype}")
    if isinstance(ids, jax.Array):
        return jnp.atleast_1d(ids.astype(jnp.int32))
    return np.atleast_1d(np.clip(ids, -1, _HIGH).astype(np.int32))
