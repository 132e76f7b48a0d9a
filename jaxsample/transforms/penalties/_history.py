"""What a transform remembers of the tokens before: all of them, or the last few."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._prompt import Prompt


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
