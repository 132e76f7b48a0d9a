"""Reading the columns of prompts, all at once or in chunks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._model import Model
from jaxsample.decode._model_output import kept, last_output
from jaxsample.kernels._auto_axes import alike, in_auto


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


def _parts(x, value, chunk):
    """Split `[B, .., T]` into `[n, B, .., chunk]`, padded with a value."""
    count = -(-x.shape[-1] // chunk)
    room = [(0, 0)] * (x.ndim - 1) + [(0, count * chunk - x.shape[-1])]
    x = jnp.pad(x, room, constant_values=value)
    return jnp.moveaxis(x.reshape(*x.shape[:-1], count, chunk), -2, 0)
