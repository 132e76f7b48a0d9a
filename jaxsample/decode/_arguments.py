"""Checks and packing of the arguments of decoding."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

RECENT = 32  # the number of last tokens that a row stores to match stop sequences
LARGEST = np.iinfo(np.int32).max


def on_device(tree: Any) -> Any:
    """Move the numpy and Python leaves of a tree to the device under a transfer guard.

    A guard such as `jax.transfer_guard("disallow")` permits this explicit move of the caller's
    arguments, and refuses the implicit move by `jit`. Without a guard the tree is returned as it
    is: `jit` moves its arguments faster.
    """
    # JAX defines its options at run time, where type checkers do not see them.
    if jax.config.jax_transfer_guard_host_to_device in (None, "allow"):  # type: ignore[attr-defined]
        return tree
    return jax.tree.map(lambda x: x if isinstance(x, jax.Array) else jax.device_put(x), tree)


def as_array(x: Any) -> Any:
    """Return an array: a JAX one if `x` is one or holds traced values, else a numpy one.

    Raises:
        ValueError: if the parts of `x` do not have one shape.
    """
    if isinstance(x, jax.Array):
        return x
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(x)):
        return jnp.asarray(x)
    return np.asarray(jax.device_get(x) if isinstance(x, list | tuple) else x)


def is_integer(array: Any) -> bool:
    """Whether an array holds integers, including Python integers too large for any dtype."""
    if array.dtype == object:
        return all(isinstance(x, int) for x in array.flat)
    return jnp.issubdtype(array.dtype, jnp.integer)


def as_int32(name: str, array: Any) -> Any:
    """Return an array of integers as int32.

    Arrays of int32 and smaller types are not read, which avoids waiting for the device. Traced
    values are not checked.

    Raises:
        ValueError: if a value would wrap around in int32.
    """
    fits = array.dtype != object and np.can_cast(array.dtype, np.int32)
    if fits or isinstance(array, Tracer):
        return array.astype(np.int32)
    known = np.asarray(jax.device_get(array))
    wrong = known[(known < -LARGEST - 1) | (known > LARGEST)]
    if wrong.size:
        raise ValueError(
            f"{name} must fit into int32, got {wrong[0]}; pass numbers of at most {LARGEST}, "
            "token ids below the size of the vocabulary"
        )
    return known.astype(np.int32)


def check_prompts(prompts: Any, streams: int) -> jax.Array:
    """Return prompts as int32, `[B, P]` or `[B, streams, P]`.

    Raises:
        ValueError: if they are not integers of such a shape, or one does not fit into int32.
    """
    shape = "[B, P]" if streams == 1 else f"[B, {streams}, P]"
    try:
        prompts = as_array(prompts)
    except (TypeError, ValueError):
        raise ValueError(
            f"prompts must be one array {shape}: pad shorter ones on the right and pass lengths"
        ) from None
    fits = prompts.ndim == 2 if streams == 1 else prompts.shape[1:-1] == (streams,)
    if not fits or not prompts.size or not is_integer(prompts):
        raise ValueError(
            f"prompts must be integers {shape} with at least one row and one token, got "
            f"{prompts.dtype}{list(prompts.shape)}"
        )
    return as_int32("prompts", prompts)


def check_ids(name: str, ids: Any, lengths: Any, size: int) -> None:
    """Refuse token ids `[.., N]` outside of a vocabulary; values on a device are not read.

    Raises:
        ValueError: if one of the first `lengths` `[..]` ids of a row is not in `[0, size)`.
    """
    if isinstance(ids, jax.Array) or isinstance(lengths, jax.Array):
        return
    used = np.arange(ids.shape[-1]) < lengths[..., None]
    check_known(name, ids[used], size)


def check_known(name: str, ids: Any, size: int) -> None:
    """Refuse numpy token ids that are not in `[0, size)`; ids on a device are not read."""
    if isinstance(ids, jax.Array):
        return
    wrong = ids[(ids < 0) | (ids >= size)]
    if wrong.size:
        raise ValueError(
            f"{name} must be token ids in 0..{size - 1}, got {wrong[0]}; check that the tokenizer "
            "belongs to the model"
        )


def check_tokens(tokens: Any, batch: int) -> jax.Array:
    """Return the tokens to score as int32 `[B, N]`; ValueError if they are anything else."""
    tokens = as_array(tokens)
    if tokens.ndim != 2 or tokens.shape[0] != batch or not is_integer(tokens):
        raise ValueError(
            f"tokens must be integers [{batch}, N], got {tokens.dtype}{list(tokens.shape)}"
        )
    return as_int32("tokens", tokens)


def check_support(support: Any, shape: tuple[int, ...]) -> Any:
    """Return recorded kept sets of tokens `[B, N]`, with ids as int32.

    Raises:
        ValueError: if they are not integers and flags of that shape, or an id does not fit.
    """
    if support is None:
        return None
    ids, larger = as_array(support.ids), as_array(support.larger)
    if ids.shape[:-1] != shape or larger.shape != shape or not is_integer(ids):
        raise ValueError(
            f"support must have integers ids {[*shape, 'K']} and flags larger {list(shape)} as "
            f"generate recorded them, got {ids.dtype}{list(ids.shape)} and {list(larger.shape)}"
        )
    return support._replace(ids=as_int32("support", ids), larger=larger)


def per_row(
    name: str, x: Any, default: int, shape: tuple[int, ...], low: int, high: int = LARGEST
) -> jax.Array:
    """Return integers of a shape such as `[B]`, int32, from a scalar, an array of them or None.

    The range of an array on a device is not checked, which avoids waiting for it.

    Raises:
        ValueError: if they are not integers of that shape, or lie outside of `[low, high]`.
    """
    array = as_array(default if x is None else x)
    if array.shape not in ((), shape) or not is_integer(array):
        raise ValueError(
            f"{name} must be integers {list(shape)}, got {array.dtype}{list(array.shape)}"
        )
    if not isinstance(array, jax.Array) and ((array < low) | (array > high)).any():
        raise ValueError(f"{name} must be in {low}..{high}, got {array.tolist()}")
    array = as_int32(name, array)
    broadcast: Any = jnp.broadcast_to if isinstance(array, jax.Array) else np.broadcast_to
    return broadcast(array, shape)


def longest(lengths: jax.Array) -> jax.Array:
    """Return the length `[B]` of each row's longest prompt, from `[B]` or `[B, streams]`."""
    return lengths if lengths.ndim == 1 else jnp.max(lengths, axis=1)


def as_int(n: Any) -> int | None:
    """Return an integer of any type as an int; None for a bool or any other type."""
    try:
        return None if isinstance(n, bool | np.bool_) else operator.index(n)
    except TypeError:
        return None


def positive_int(name: str, n: Any) -> int:
    """Return a positive integer of any type as an int; ValueError for anything else."""
    number = as_int(n)
    if number is None or number < 1:
        raise ValueError(f"{name} must be an int >= 1, got {n!r}")
    return number


def token_ids(name: str, ids: Any) -> Any:
    """Return one token id, a collection of them or None (no ids) as int32 `[E]`.

    Raises:
        ValueError: if they are not integers, or one does not fit into int32.
    """
    listed = sorted(ids) if isinstance(ids, set | frozenset) else ids
    if listed is None or (isinstance(listed, list | tuple) and not listed):
        return np.zeros(0, np.int32)
    try:
        array = as_array(listed)
    except (TypeError, ValueError):
        array = np.zeros(())
    if array.ndim > 1 or not is_integer(array):
        raise ValueError(f"{name} must be a token id or a sequence of them, got {ids!r}")
    return as_int32(name, array.reshape(-1))


def stop_table(stop: Sequence[Sequence[int]]) -> Any:
    """Pack stop sequences right-aligned into `[S, RECENT]` int32, -1 where any token matches.

    Raises:
        ValueError: if it is no collection of sequences, or one is empty, too long or not of token
            ids.
    """
    if not hasattr(stop, "__len__"):
        raise ValueError(f"stop must be a list of sequences of token ids, got {stop!r}")
    table = np.full((len(stop), RECENT), -1, np.int32)
    for row, sequence in zip(table, stop, strict=True):
        ids = np.asarray(sequence)
        if ids.ndim != 1 or not 1 <= ids.size <= RECENT or not is_integer(ids) or ids.min() < 0:
            raise ValueError(
                f"stop takes sequences of 1 to {RECENT} token ids, got {sequence!r}; "
                "a single token that ends a row belongs in eos"
            )
        row[-ids.size :] = as_int32("stop", ids)
    return table
