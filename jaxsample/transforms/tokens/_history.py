"""Histories: all tokens of a row, or its last few."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._prompt import Prompt
from jaxsample.transforms.contract._token_ids import lengths


@exported
class History(NamedTuple):
    """The tokens of a row, both prompt and output. Tokens beyond `max_length` are not stored.

    Attributes:
        tokens: `[max_length]` int32; entries from `length` on have no meaning.
        length: int32.
    """

    tokens: jax.Array
    length: jax.Array

    @classmethod
    def of(cls, owner: object, prompt: Prompt | None) -> History:
        """Return the history of a prompt; ValueError if the prompt is None."""
        prompt = needed(owner, prompt)
        return cls(jnp.asarray(prompt.tokens), jnp.asarray(prompt.length))

    def after(self, token: jax.Array) -> History:
        """Return the history after one more token."""
        tokens = self.tokens.at[self.length].set(token.astype(jnp.int32), mode="drop")
        return History(tokens, jnp.minimum(self.length + 1, self.tokens.shape[0]))


def needed(owner: object, prompt: Prompt | None) -> Prompt:
    """Return the prompt; ValueError if it is None."""
    if prompt is None:
        raise ValueError(
            f"{type(owner).__name__} needs a prompt: pass the state that "
            "init(key, Prompt.of(tokens, vocab_size, budget)) returns"
        )
    return prompt


def last(prompt: Prompt | None, n: int) -> jax.Array:
    """Return the last n tokens `[n]` of a prompt, padded with -1 on the left."""
    if prompt is None or not n:
        return jnp.full(n, -1, jnp.int32)
    at = prompt.length - n + jnp.arange(n, dtype=jnp.int32)
    return jnp.where(at >= 0, jnp.asarray(prompt.tokens)[jnp.maximum(at, 0)], -1)


def push(recent: jax.Array, token: jax.Array) -> jax.Array:
    """Append a token to the last n tokens and remove the oldest."""
    return jnp.append(recent, token.astype(jnp.int32))[1:]


def completing(sequences: jax.Array | np.ndarray, recent: jax.Array) -> jax.Array:
    """Return the token that would complete each sequence `[S, L]` next, -1 if there is none.

    Args:
        sequences: token ids, padded with -1 on the right.
        recent: the last L - 1 tokens, padded with -1 on the left.
    """
    sequences, recent = jnp.asarray(sequences), jnp.asarray(recent)
    count, width = sequences.shape
    ends = lengths(sequences)[:, None] - 1
    place = jnp.arange(width - 1, dtype=jnp.int32)[None, :]
    # Token j of a prefix of `ends` tokens is compared with `recent` at ends - j from its end.
    at = jnp.clip(width - 1 - ends + place, 0, max(width - 2, 0))
    same = (place >= ends) | (recent[at] == sequences[:, :-1])
    final = jnp.take_along_axis(sequences, jnp.maximum(ends, 0), axis=1)[:, 0]
    return jnp.where(jnp.all(same, axis=1), final, jnp.full(count, -1, jnp.int32))
