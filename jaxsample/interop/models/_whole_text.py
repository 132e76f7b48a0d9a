"""A model from a forward pass without a cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model, ModelOutput


def without_cache(
    forward: Callable[[Any, jax.Array], jax.Array],
    unembed: Callable[[Any, jax.Array], jax.Array] | None = None,
) -> Model:
    """Make a `Model` from a causal forward pass; the cache is the text so far.

    Every step runs `forward` over all of `max_length`, so this is for small models, for tests, and
    for a first try. The same functions give an equal model, which compiles nothing anew.

    Args:
        forward: `(params, tokens [B, L]) -> logits [B, L, V]`, or hidden states `[B, L, D]` if
            `unembed` is given. The output at a column must not depend on later columns.
        unembed: see `Model`.

    >>> def forward(table, tokens):
    ...     return table[tokens]
    >>> generate(jax.random.key(0), without_cache(forward), table, jnp.array([[0], [2]]), TopK(1),
    ...          max_new_tokens=3).tokens
    Array([[1, 2, 3],
           [3, 0, 1]], dtype=int32)
    """
    return Model(_no_text, _WholeText(forward, unembed is not None), unembed, rewinds=True)


def _no_text(batch, max_length):
    return jnp.zeros((batch, max_length), jnp.int32)


@dataclasses.dataclass(frozen=True)
class _WholeText:
    forward: Callable
    hidden: bool

    def __call__(self, params, tokens, positions, text):
        text = write(text, tokens, positions)
        at = jnp.maximum(positions, 0)[..., None]
        return output(
            jnp.take_along_axis(self.forward(params, text), at, axis=1), self.hidden, text
        )


def write(text: jax.Array, tokens: jax.Array, positions: jax.Array) -> jax.Array:
    """Write tokens `[B, T]` into the texts `[B, L]` at their positions; padding is dropped."""
    at = jnp.where(positions < 0, text.shape[1], positions)
    return text.at[jnp.arange(text.shape[0])[:, None], at].set(tokens, mode="drop")


def output(x: jax.Array, hidden: bool, cache: Any) -> ModelOutput:
    """Return the output of a model whose pass gave `x`: hidden states, or else logits."""
    return ModelOutput(None, x, cache) if hidden else ModelOutput(x, None, cache)
