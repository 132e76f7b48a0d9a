"""The logits and hidden states of a model before each of the given tokens."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._contract import empty_cache
from jaxsample.decode._model import Model
from jaxsample.decode._reading import read_answers
from jaxsample.kernels._auto_axes import in_auto, rows


def answers(
    model: Model,
    params: Any,
    prompts: jax.Array,
    lengths: jax.Array,
    tokens: jax.Array,
    token_lengths: jax.Array,
    chunk: int | None = None,
) -> tuple[jax.Array | None, jax.Array | None]:
    """Return the logits `[B, N, V]` and hidden states `[B, N, D]` before each token `[B, N]`.

    The hidden states are None if the model does not return them. The logits are None if `unembed`
    can compute them. The model reads `chunk` columns at a time, or all at once.

    The model never reads the last of P + N tokens, so that a context of P + N - 1 is enough.
    """
    batch, count = tokens.shape
    total = prompts.shape[-1] + max(count, 1) - 1
    join = _join if model.streams == 1 else jax.vmap(_join, (1, None, 1, None), 1)
    given = prompts, tokens, lengths, token_lengths
    sequence, positions = in_auto(join, rows)(*given)
    cache = empty_cache(model, batch, total)
    first = lengths if model.streams == 1 else lengths[:, 0]
    return read_answers(model, params, sequence, positions, cache, first - 1, count, chunk)


def _join(prompts, tokens, lengths, token_lengths):
    """Put the tokens of each row right after its prompt, up to the last of P + N but one.

    The position past the end of a row is -1.
    """
    most = max(tokens.shape[1], 1) - 1
    columns = jnp.arange(prompts.shape[1] + most, dtype=jnp.int32)[None, :]
    behind = jnp.clip(columns - lengths[:, None], 0, tokens.shape[1] - 1)
    head = jnp.pad(prompts, ((0, 0), (0, most)))
    tail = jnp.take_along_axis(tokens, behind, axis=1)
    sequence = jnp.where(columns < lengths[:, None], head, tail)
    inside = columns < (lengths + token_lengths)[:, None]
    return jnp.where(inside, sequence, 0), jnp.where(inside, columns, -1)
