"""A model from a step of one token."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._model import Model
from jaxsample.interop.models._whole_text import output


def one_token(
    init_cache: Callable[[int, int], Any],
    step: Callable[[Any, jax.Array, jax.Array, Any], tuple[jax.Array, Any]],
    unembed: Callable[[Any, jax.Array], jax.Array] | None = None,
) -> Model:
    """Make a `Model` from a step of one token: for recurrent states, and for one token a call.

    A prompt is read token by token, and a row at padding keeps its cache. The same functions give
    an equal model, which compiles nothing anew.

    Args:
        init_cache: see `Model`; every leaf has the batch as its first axis.
        step: `(params, token [B], position [B], cache) -> (logits [B, V], cache)`, or hidden
            states `[B, D]` if `unembed` is given. The position is 0 at padding.
        unembed: see `Model`.

    >>> def step(table, token, position, state):  # the state is a mean of what it has read
    ...     state = 0.1 * state + 0.9 * table[token]
    ...     return state, state
    >>> model = one_token(lambda batch, max_length: jnp.zeros((batch, 4)), step)
    >>> generate(jax.random.key(0), model, table, jnp.array([[0, 1], [2, 0]]), TopK(1),
    ...          lengths=[2, 1], max_new_tokens=3).tokens
    Array([[2, 3, 0],
           [3, 0, 1]], dtype=int32)
    """
    return Model(init_cache, _TokenByToken(step, unembed is not None), unembed)


@dataclasses.dataclass(frozen=True)
class _TokenByToken:
    step: Callable
    hidden: bool

    def __call__(self, params, tokens, positions, cache):
        def one(cache, column):
            token, position = column
            out, after = self.step(params, token, jnp.maximum(position, 0), cache)
            return jax.tree.map(lambda a, b: _where(position >= 0, a, b), after, cache), out

        columns = jnp.swapaxes(tokens, 0, 1), jnp.swapaxes(positions, 0, 1)
        cache, out = lax.scan(one, cache, columns)
        return output(jnp.swapaxes(out, 0, 1), self.hidden, cache)


def _where(live, after, before):
    """Choose between two leaves `[B, ..]` by row."""
    return jnp.where(live.reshape(-1, *(1,) * (after.ndim - 1)), after, before)
