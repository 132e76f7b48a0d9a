"""What a transform remembers of the tokens before: all of them, or the last few."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._prompt import Prompt
from jaxsample.transforms.contract._token_ids import lengths


class History(NamedTuple):
    """The tokens of a row, prompt and output; a token past the room there is gets forgotten.

    Attributes:
        tokens: `[max_length]` int32; what lies past `length` means nothing.
        length: int32.
    """

    tokens: jax.Array
    length: jax.Array

    @classmethod
    def of(cls, owner: object, prompt: Prompt | None) -> History:
        """Start with the prompt; ValueError without one."""
        prompt = needed(owner, prompt)
        return cls(jnp.asarray(prompt.tokens), jnp.asarray(prompt.length))

    def after(self, token: jax.Array) -> History:
        """Append a token."""
        tokens = self.tokens.at[self.length].set(token.astype(jnp.int32), mode="drop")
        return History(tokens, jnp.minimum(self.length + 1, self.tokens.shape[0]))


def needed(owner: object, prompt: Prompt | None) -> Prompt:
    """Return the prompt; ValueError that says how to give one if there is none."""
    if prompt is None:
        raise ValueError(
            f"{type(owner).__name__} needs a prompt: give the state that "
            "init(key, Prompt.of(tokens, vocab_size, budget)) returns"
        )
    return prompt


def last(prompt: Prompt | None, n: int) -> jax.Array:
    """Return the last n tokens `[n]` of a prompt, -1 in front where there are fewer."""
    if prompt is None or not n:
        return jnp.full(n, -1, jnp.int32)
    at = prompt.length - n + jnp.arange(n, dtype=jnp.int32)
    return jnp.where(at >= 0, jnp.asarray(prompt.tokens)[jnp.maximum(at, 0)], -1)


def push(recent: jax.Array, token: jax.Array) -> jax.Array:
    """Append a token to the last n, dropping the oldest."""
    return jnp.append(recent, token.astype(jnp.int32))[1:]


def completing(sequences: jax.Array | np.ndarray, recent: jax.Array) -> jax.Array:
    """Return the token that would complete each sequence `[S, L]` now, -1 where none would.

    Args:
        sequences: filled up with -1 on the right.
        recent: the last L - 1 tokens, -1 in front where there are fewer.
    """
    sequences, recent = jnp.asarray(sequences), jnp.asarray(recent)
    count, width = sequences.shape
    ends = lengths(sequences)[:, None] - 1
    place = jnp.arange(width - 1, dtype=jnp.int32)[None, :]
    # Token j of a prefix of `ends` tokens lies at the end of `recent`, ends - j from the back.
    at = jnp.clip(width - 1 - ends + place, 0, max(width - 2, 0))
    same = (place >= ends) | (recent[at] == sequences[:, :-1])
    final = jnp.take_along_axis(sequences, jnp.maximum(ends, 0), axis=1)[:, 0]
    return jnp.where(jnp.all(same, axis=1), final, jnp.full(count, -1, jnp.int32))
