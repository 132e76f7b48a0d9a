"""Reading the columns of prompts, all at once or in chunks."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec

from jaxsample.decode._arguments import positive_int
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import kept, last_output, rebuilds
from jaxsample.kernels._auto_axes import alike, in_auto, spec


def check_chunk(chunk: Any, model: Model) -> int | None:
    """Return how many columns a model reads at a time; None for all.

    Raises:
        ValueError: if it is not a positive int or None, or the model has several streams.
    """
    if chunk is not None and model.streams > 1:
        raise ValueError("chunk is for models of one stream")
    return None if chunk is None else positive_int("chunk", chunk)


def read_columns(
    model: Model,
    params: Any,
    tokens: jax.Array,
    positions: jax.Array,
    cache: Any,
    last: jax.Array,
    chunk: int | None,
) -> tuple[Any, Any, Any]:
    """Return the cache after tokens `[B, T]`, and each row's logits and hidden state at a column.

    The logits are None if `unembed` can compute them, the hidden states if the model has none.

    Args:
        model, params, positions, cache: see `Model`; the tokens may have streams.
        last: `[B]` int32, the column of each row.
        chunk: how many columns the model reads at a time; None for all. It then needs memory for
            the activations of one chunk.
    """
    width = tokens.shape[-1]
    if chunk is None or width <= chunk:
        output = model.apply(params, tokens, positions, cache)
        seen = last_output(model, params, output, last)  # checks the output first
        return output.cache, *seen

    parts = in_auto(lambda x, value: _parts(x, value, chunk), lambda *_: jax.P())
    starts = jnp.arange(0, width, chunk, dtype=jnp.int32)
    columns = starts, parts(tokens, 0), parts(positions, -1)

    def read(cache, column):
        start, tokens, positions = column
        output = model.apply(params, tokens, positions, cache)
        seen = last_output(model, params, output, jnp.clip(last - start, 0, chunk - 1))
        return output.cache, seen

    def step(carry, column):
        cache, old = carry
        cache, new = read(cache, column)
        here = (last >= column[0]) & (last < column[0] + chunk)
        return (cache, in_auto(kept, alike)(new, old, here)), None

    shapes = jax.eval_shape(read, cache, jax.tree.map(lambda x: x[0], columns))[1]
    blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    (cache, seen), _ = lax.scan(step, (cache, blank), columns)
    return cache, *seen


def read_answers(
    model: Model,
    params: Any,
    tokens: jax.Array,
    positions: jax.Array,
    cache: Any,
    first: jax.Array,
    count: int,
    chunk: int | None,
) -> tuple[Any, Any]:
    """Return the logits and hidden states `[B, N, ..]` of N tokens of each row of `[B, T]`.

    The logits are None if `unembed` can compute them, the hidden states if the model has none.

    Args:
        model, params, positions, cache, chunk: see `read_columns`. The gradient needs the caches
            between all chunks.
        first: `[B]` int32, the column of the first of the N tokens.
        count: N; static.
    """

    def read(cache, columns):
        tokens, positions = columns
        output = model.apply(params, tokens, positions, cache)
        logits = None if rebuilds(model, output) else output.logits  # checks the output first
        return output.cache, (logits, output.hidden)

    width = tokens.shape[-1]
    if chunk is None or width <= chunk:
        said = read(cache, (tokens, positions))[1]
        at = jnp.minimum(first[:, None] + jnp.arange(count, dtype=jnp.int32)[None, :], width - 1)
        return jax.tree.map(lambda x: _pick(x, at), said)

    starts = jnp.arange(0, width, chunk, dtype=jnp.int32)
    columns = _parts(tokens, 0, chunk), _parts(positions, -1, chunk)
    rows = jnp.arange(tokens.shape[0])[:, None]

    @jax.checkpoint
    def step(carry, column):
        cache, found = carry
        start, columns = column
        cache, said = read(cache, columns)
        place = start + jnp.arange(chunk, dtype=jnp.int32)[None, :] - first[:, None]
        place = jnp.where(place < 0, count, place)  # outside, where it is dropped
        put = functools.partial(_put, rows, place)
        return (cache, jax.tree.map(put, found, said)), None

    shapes = jax.eval_shape(read, cache, jax.tree.map(lambda x: x[0], columns))[1]
    blank = jax.tree.map(lambda x: jnp.zeros((*x.shape[:1], count, *x.shape[2:]), x.dtype), shapes)
    return lax.scan(step, (cache, blank), (starts, columns))[0][1]


def _put(rows, place, all, new):
    return all.at[rows, place].set(new, mode="drop")


def _as_tokens(x, at):
    batch, _, *others = spec(x)
    return PartitionSpec(batch, None, *others)


@functools.partial(in_auto, specs=_as_tokens)
def _pick(x, at):
    return jnp.take_along_axis(x, jnp.expand_dims(at, range(2, x.ndim)), axis=1)


def _parts(x, value, chunk):
    """Split `[B, .., T]` into `[n, B, .., chunk]`, padded with a value."""
    count = -(-x.shape[-1] // chunk)
    room = [(0, 0)] * (x.ndim - 1) + [(0, count * chunk - x.shape[-1])]
    x = jnp.pad(x, room, constant_values=value)
    return jnp.moveaxis(x.reshape(*x.shape[:-1], count, chunk), -2, 0)
