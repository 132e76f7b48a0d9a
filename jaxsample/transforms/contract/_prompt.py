"""The prompt of a row, which transforms read before the first token."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._token_ids import token_row


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["tokens", "length", "budget"],
    meta_fields=["vocab_size"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Prompt:
    """The prompt of one row, an argument of `Transform.init`.

    Tokens after the prompt reach a transform through `update` only.

    Attributes:
        tokens: `[max_length]` int32, padded on the right. The padding leaves room for the history.
        length: int32 >= 1, the number of tokens in the prompt.
        budget: int32, the number of tokens that may follow.
        vocab_size: V; static.

    >>> prompt = Prompt.of([2, 0], vocab_size=3, budget=2)
    >>> prompt.tokens
    Array([2, 0, 0, 0], dtype=int32)
    >>> penalty = RepetitionPenalty(2.0)
    >>> penalty(jnp.array([3.0, 3.0, 3.0]), penalty.init(None, prompt))
    Array([1.5, 3. , 1.5], dtype=float32)
    """

    tokens: jax.Array
    length: jax.Array
    budget: jax.Array
    vocab_size: int

    @classmethod
    def of(cls, tokens: Sequence[int] | jax.Array, vocab_size: int, budget: int) -> Prompt:
        """Make a prompt from its tokens, with room for `budget` more.

        Raises:
            ValueError: if there are no tokens, if they are not one row of integers within int32,
                or if the budget is negative.
        """
        row = jnp.asarray(token_row("Prompt: tokens", tokens))
        if not row.shape[0]:
            raise ValueError("Prompt: tokens must hold at least one token id")
        if budget < 0:
            raise ValueError(f"budget must be >= 0, got {budget}")
        padded = jnp.pad(row, (0, budget))
        return cls(padded, jnp.int32(row.shape[0]), jnp.int32(budget), vocab_size)
