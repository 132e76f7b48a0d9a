"""The tokens that a `Decoding` has read already: `prefill` reads only the rest of the prompts."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.sharding import PartitionSpec

from jaxsample.decode._model import Model
from jaxsample.decode._sampler_axes import repeat_rows
from jaxsample.decode._step import Decoding
from jaxsample.kernels._auto_axes import in_auto, rows, spec

FEWEST = 16  # unread tokens that share a program


class Read(NamedTuple):
    """The fields of a `Decoding` that speak of the tokens read; `position` says how many."""

    cache: Any
    logits: jax.Array | None
    hidden: jax.Array | None
    position: jax.Array


def _here(x) -> bool:
    """Whether this process can read all of an array."""
    return not isinstance(x, jax.Array) or x.is_fully_addressable


def check_after(
    after: Decoding | None, model: Model, lengths: Any, width: int
) -> tuple[Read | None, int]:
    """Return what was read, and how many columns hold what was not, rounded up to share programs.

    Lengths and positions that are traced, or lie on several hosts, are not checked.

    Args:
        after: one row for each prompt, or one for all; None if nothing was read.
        model: the model that read it.
        lengths: `[B]`, the lengths of the prompts.
        width: the largest length that they may have.

    Raises:
        ValueError: if the rows do not match, or a row is to be taken back and the model cannot.
    """
    if after is None:
        return None, width
    if model.streams > 1:
        raise ValueError("after is for models of one stream")
    batch, count = lengths.shape[0], after.done.shape[0]
    if count not in (1, batch):
        raise ValueError(f"after has {count} rows, prompts has {batch}; give as many, or one row")
    read = Read(after.cache, after.logits, after.hidden, after.position)
    if any(isinstance(x, Tracer) or not _here(x) for x in (lengths, read.position)):
        return read, width
    known, done = (np.asarray(jax.device_get(x)) for x in (lengths, read.position))
    if not model.rewinds and (known < done).any():
        row = int(np.argmax(known < done))
        raise ValueError(
            f"the prompt of row {row} has {known[row]} tokens, but after has read "
            f"{np.broadcast_to(done, known.shape)[row]}, and a model without `rewinds` cannot take "
            "tokens back; prefill that row without after"
        )
    most = max(1, int(np.max(known - np.minimum(done, known - 1))))
    return read, min(width, max(FEWEST, 1 << (most - 1).bit_length()))


def check_begin(after: Decoding | None, model: Model, max_length: int) -> tuple[Read | None, int]:
    """Return what one row has read, and the number of its tokens, 0 if nothing was read.

    Raises:
        ValueError: if there are several rows, or the cache is not the model's for `max_length`.
    """
    if after is None:
        return None, 0
    if after.done.shape != (1,):
        raise ValueError(f"after must be a Decoding of one row, got {after.done.shape[0]}")
    read = Read(after.cache, after.logits, after.hidden, after.position)
    check_cache(read, jax.eval_shape(lambda: model.init_cache(1, max_length)))
    return read, int(after.position[0])


def check_cache(read: Read, empty: Any) -> None:
    """Refuse what was read with a cache of other shapes than those of an empty one.

    Raises:
        ValueError: if a shape differs, apart from the rows.
    """
    shapes = [[x.shape[1:] for x in jax.tree.leaves(cache)] for cache in (read.cache, empty)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "the cache of after has other shapes than this model's for max_length; pass the model "
            "and the max_length that made after"
        )


def shared(read: Read, prompts: jax.Array) -> Read:
    """Repeat what one row has read for each of the prompts `[B, P]`."""
    batch = prompts.shape[0]
    if read.position.shape[0] == batch:
        return read

    def as_prompts(_, read):
        return jax.tree.map(lambda x: PartitionSpec(*rows(prompts), *spec(x)[1:]), read)

    return in_auto(lambda _, read: repeat_rows(read, batch), as_prompts)(prompts, read)


def rest(unread: int, prompts: jax.Array, lengths: jax.Array, read: jax.Array) -> tuple:
    """Return the tokens to read, their positions, the index of the last, and whether there is any.

    A row that ends where the read tokens end has nothing to read. One that ends before takes
    tokens back: its last token is read again, which hides those after it.

    Args:
        unread: the columns of the result.
        prompts: `[B, P]` int32.
        lengths, read: `[B]` int32.
    """
    begin = jnp.where(read > lengths, lengths - 1, read)
    columns = begin[:, None] + lax.broadcasted_iota(jnp.int32, (prompts.shape[0], unread), 1)
    tokens = jnp.take_along_axis(prompts, jnp.minimum(columns, prompts.shape[1] - 1), axis=1)
    positions = jnp.where(columns < lengths[:, None], columns, -1)
    last = lengths - 1 - begin
    return tokens, positions, jnp.maximum(last, 0), last >= 0
