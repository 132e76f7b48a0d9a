"""Checks and packing of the arguments of decoding."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.contract._transform import Transform

RECENT = 32  # how many of a row's last output tokens are remembered for stop sequences


def check_prompts(prompts: Any, lengths: Any, streams: int) -> jax.Array:
    """Return prompts as int32, having checked them and the lengths that are known."""
    shape = "[B, P]" if streams == 1 else f"[B, {streams}, P]"
    try:
        prompts = jnp.asarray(prompts)
    except (TypeError, ValueError):
        raise ValueError(
            f"prompts must be one array {shape}: pad shorter ones on the right and pass lengths"
        ) from None
    fits = prompts.ndim == 2 if streams == 1 else prompts.shape[1:-1] == (streams,)
    if not fits or not prompts.size or not jnp.issubdtype(prompts.dtype, jnp.integer):
        raise ValueError(
            f"prompts must be integers {shape} with at least one row and one token, got "
            f"{prompts.dtype}{list(prompts.shape)}"
        )
    check_range("lengths", lengths, 1, prompts.shape[-1])
    return prompts.astype(jnp.int32)


def per_row(name: str, x: Any, default: int, shape: tuple[int, ...]) -> jax.Array:
    """Return integers of a shape such as `[B]`, int32, from a scalar, an array of them or None.

    Raises:
        ValueError: if they are not integers, or of another shape.
    """
    x = jnp.asarray(default if x is None else x)
    if x.shape not in ((), shape) or not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(f"{name} must be integers {list(shape)}, got {x.dtype}{list(x.shape)}")
    return jnp.broadcast_to(x.astype(jnp.int32), shape)


def longest(lengths: jax.Array) -> jax.Array:
    """Return `[B]`, the longest prompt of each row, from lengths `[B]` or `[B, streams]`."""
    return lengths if lengths.ndim == 1 else jnp.max(lengths, axis=1)


def check_range(name: str, x: Any, low: int, high: int) -> None:
    """Check whole numbers that are at hand; arrays on a device are not waited for.

    Raises:
        ValueError: if one lies outside `[low, high]`.
    """
    if x is None or any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(x)):
        return
    known = np.asarray(x)
    if known.size and (known.min() < low or known.max() > high):
        raise ValueError(f"{name} must be in {low}..{high}, got {known.tolist()}")


def positive_int(name: str, n: Any) -> int:
    """Return a positive whole number as an int; ValueError for anything else."""
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} must be an int >= 1, got {n!r}")
    return number


def token_ids(name: str, ids: Any) -> jax.Array:
    """Return one token id, a collection of them or None (no ids) as int32 `[E]`.

    Raises:
        ValueError: if they are not integers.
    """
    listed = sorted(ids) if isinstance(ids, set | frozenset) else ids
    if listed is None or (isinstance(listed, list | tuple) and not listed):
        return jnp.zeros(0, jnp.int32)
    try:
        array = jnp.zeros(()) if isinstance(listed, str) else jnp.asarray(listed)
    except TypeError:
        array = jnp.zeros(())
    if not jnp.issubdtype(array.dtype, jnp.integer) or array.ndim > 1:
        raise ValueError(f"{name} must be a token id or a sequence of them, got {ids!r}")
    return jnp.atleast_1d(array).astype(jnp.int32)


def stop_table(stop: Sequence[Sequence[int]]) -> np.ndarray:
    """Pack stop sequences right-aligned into `[S, RECENT]` int32, -1 where any token matches.

    Raises:
        ValueError: if a sequence is empty, too long or not of token ids.
    """
    table = np.full((len(stop), RECENT), -1, np.int32)
    for row, sequence in zip(table, stop, strict=True):
        ids = np.asarray(sequence)
        whole = ids.ndim == 1 and ids.dtype.kind in "iu" and 1 <= ids.size <= RECENT
        if not whole or ids.min() < 0:
            raise ValueError(
                f"stop takes sequences of 1 to {RECENT} token ids, got {sequence!r}; "
                "a single token that ends a row belongs in eos"
            )
        row[-ids.size :] = ids
    return table


def check_axes(sampler: Transform, axes: Any, batch: int) -> None:
    """Check that the sampler is one, and that `sampler_axes` fits it and the batch.

    Raises:
        ValueError: if the axes are not None, 0 or a tuple of these with one per member, or a leaf
            that should carry the batch does not.
    """
    if not isinstance(sampler, Transform):
        raise ValueError(f"the sampler must be a Transform, such as chain(...), got {sampler!r}")
    whole = not isinstance(axes, tuple)
    members = [sampler] if whole or not isinstance(sampler, Chain) else list(sampler)  # type: ignore[call-overload]
    if not whole and not (isinstance(sampler, Chain) and len(axes) == len(members)):
        raise ValueError(f"sampler_axes {axes!r} needs a chain of {len(axes)} members: {sampler!r}")
    for member, axis in zip(members, [axes] if whole else axes, strict=True):
        if axis not in (None, 0):
            raise ValueError(f"sampler_axes must be None, 0 or a tuple of these, got {axes!r}")
        for leaf in jax.tree.leaves(member) if axis == 0 else ():
            if jnp.shape(leaf)[:1] != (batch,):
                raise ValueError(
                    f"sampler_axes=0 needs a leading axis of {batch} rows on every leaf, "
                    f"got shape {list(jnp.shape(leaf))} in {member!r}; use stack([...])"
                )


def axes_prefix(axes: Any) -> Any:
    """Return `sampler_axes` as the prefix of a sampler that `jax.vmap` takes."""
    return Chain(axes) if isinstance(axes, tuple) else axes


def repeat_sampler(sampler: Any, axes: Any, samples: int) -> Any:
    """Repeat the per-row leaves of a sampler `samples` times."""
    if isinstance(axes, tuple):
        members = (repeat_sampler(t, a, samples) for t, a in zip(sampler, axes, strict=True))
        return Chain(tuple(members))
    return repeat_rows(sampler, samples) if axes == 0 else sampler


def repeat_rows(tree: Any, samples: int) -> Any:
    """Repeat each row of every leaf: row b becomes the rows from b * samples on."""
    return jax.tree.map(lambda x: jnp.repeat(x, samples, axis=0), tree)
