"""Tokens and sequences that must not come, or that alone may."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field, show_sequences
from jaxsample.transforms.contract._leaves import IdsLeaf, SequencesLeaf
from jaxsample.transforms.contract._token_ids import (
    among,
)
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._history import completing, last, push


@transform(kind="token")
class Suppress(Transform):
    """Drop the given tokens.

    A row that loses every token is invalid: it comes back as NaN and ends by token -1. Neutral: no
    tokens, or negative ones alone.

    Attributes:
        tokens: token ids, `[N]` int32; a leaf. Ids outside the vocabulary, and negative ones in an
            array, are ignored.

    Raises:
        ValueError: if a Python value is not a token id.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> Suppress([1])(jnp.array([1.0, 2.0, 3.0]))
    Array([  1., -inf,   3.], dtype=float32)
    """

    tokens: IdsLeaf = field()

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        return jnp.where(among(self.tokens, logits.shape[0]), -jnp.inf, logits)


@transform(kind="token")
class Allow(Transform):
    """Drop all but the given tokens.

    A row that loses every token is invalid: it comes back as NaN and ends by token -1. Neutral: no
    tokens, or negative ones alone. Ids past the vocabulary allow nothing, so that they never turn
    a restriction off.

    Attributes:
        tokens: token ids, `[N]` int32; a leaf. Negative ones in an array are padding.

    Raises:
        ValueError: if a Python value is not a token id.

    Reference: https://docs.vllm.ai/en/latest/api/vllm/sampling_params.html

    >>> Allow([0, 1])(jnp.array([1.0, 2.0, 3.0]))
    Array([  1.,   2., -inf], dtype=float32)
    """

    tokens: IdsLeaf = field()

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        free = ~jnp.any(jnp.asarray(self.tokens) >= 0)
        return jnp.where(among(self.tokens, logits.shape[0]) | free, logits, -jnp.inf)


@transform(kind="token")
class BadWords(Transform):
    """Drop every token that would complete one of the given sequences.

    The tokens of a sequence but its last must end the history; prompt and output count alike, so a
    match may reach across their boundary. A sequence of one token never comes. A row that loses
    every token is invalid: it comes back as NaN and ends by token -1. Neutral: no sequences.

    The state is the last L - 1 tokens.

    Attributes:
        sequences: token sequences, kept as `[S, L]` int32 filled up with -1 on the right, or such
            an array; a leaf. A sequence with an id outside the vocabulary never matches, one
            without ids is nothing.

    Raises:
        ValueError: if a sequence is empty or holds anything but token ids.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> t = BadWords([[2], [0, 1]])
    >>> t(jnp.array([1.0, 2.0, 3.0]), t.init(None, Prompt.of([0], 3, 0)))
    Array([  1., -inf, -inf], dtype=float32)
    """

    sequences: SequencesLeaf = field()

    def init(self, key, prompt):
        del key
        return last(prompt, jnp.shape(self.sequences)[-1] - 1)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        banned = completing(self.sequences, state)
        return jnp.where(among(banned, logits.shape[0]), -jnp.inf, logits)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        return push(state, token)

    def __repr__(self):
        return f"BadWords({show_sequences(self.sequences)})"
