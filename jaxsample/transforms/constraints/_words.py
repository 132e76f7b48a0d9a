"""Lists of forbidden and of allowed tokens."""

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

    If every token is dropped, the row is invalid: it returns as NaN and its token is -1. Neutral:
    no tokens, or only negative ids.

    Attributes:
        tokens: one token id or several, `[N]` int32; a leaf. Ids outside the vocabulary and
            negative ids in an array are ignored.

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

    If every token is dropped, the row is invalid: it returns as NaN and its token is -1. Neutral:
    no tokens, or only negative ids. An id past the vocabulary allows no token, but it does not turn
    the constraint off.

    Attributes:
        tokens: one token id or several, `[N]` int32; a leaf. Negative ids in an array are padding.

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

    The last token of a sequence is dropped if the history ends with the tokens before it. The
    history is prompt and output, so a match may cross their boundary. A sequence of one token is
    always dropped. If every token is dropped, the row is invalid: it returns as NaN and its token
    is -1. Neutral: no sequences.

    The state is the last L - 1 tokens.

    Attributes:
        sequences: token sequences as lists or as an array `[S, L]`, kept as int32 `[S, L]` padded
            with -1 on the right; a leaf. A sequence with an id outside the vocabulary never
            matches, and neither does a row of padding.

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
