"""Biases on tokens and on sequences of tokens."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field, show, show_sequences
from jaxsample.transforms.contract._leaves import FloatLeaf, SequencesLeaf
from jaxsample.transforms.contract._token_ids import (
    places,
)
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._finite import raised
from jaxsample.transforms.tokens._history import completing, last, push


@transform(kind="token")
class LogitBias(Transform):
    """Add a bias to every logit.

    A bias of -inf drops the token. A bias of +inf drops all tokens without such a bias. A token
    that was dropped before stays dropped. A finite sum stays finite. Neutral: zeros.

    Attributes:
        bias: `[V]`, in logits; a leaf.

    Raises:
        ValueError: if the row has another size.

    Reference: OpenAI, https://platform.openai.com/docs/api-reference/chat/create

    >>> LogitBias([0.0, 1.5, -jnp.inf])(jnp.array([1.0, 2.0, 3.0]))
    Array([ 1. ,  3.5, -inf], dtype=float32)
    """

    bias: FloatLeaf = field()

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        if jnp.shape(self.bias) != logits.shape:
            raise ValueError(
                f"LogitBias: bias must be {list(logits.shape)} like the row, "
                f"got shape {list(jnp.shape(self.bias))}"
            )
        return raised(logits, self.bias)


@transform(kind="token")
class SequenceBias(Transform):
    """Add a bias to the token that would complete a sequence.

    The last token of a sequence gets the bias if the history ends with the tokens before it. The
    history is prompt and output, so a match may cross their boundary. A sequence of one token
    always gets its bias. Biases on the same token are added. A bias of -inf drops the token, as in
    `BadWords`. A bias of +inf drops all tokens without such a bias. A finite sum stays finite.
    Neutral: biases of 0, or no sequences.

    The state is the last L - 1 tokens.

    Attributes:
        sequences: token sequences as lists or as an array `[S, L]`, kept as int32 `[S, L]` padded
            with -1 on the right; a leaf. A sequence with an id outside the vocabulary never
            matches, and neither does a row of padding.
        biases: `[S]`, in logits; a leaf.

    Raises:
        ValueError: if a sequence is empty or holds anything but token ids, or the number of biases
            differs from the number of sequences.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> t = SequenceBias([[2], [0, 1]], [1.0, -3.0])
    >>> t(jnp.array([1.0, 2.0, 3.0]), t.init(None, Prompt.of([0], 3, 0)))
    Array([ 1., -1.,  4.], dtype=float32)
    """

    sequences: SequencesLeaf = field()
    biases: FloatLeaf = field()

    def __post_init__(self):
        super().__post_init__()
        count = jnp.shape(self.sequences)[:-1]
        if jnp.shape(self.biases) != count:
            raise ValueError(
                f"SequenceBias needs one bias for each of {list(count)} sequences, "
                f"got shape {list(jnp.shape(self.biases))}"
            )

    def init(self, key, prompt):
        del key
        return last(prompt, jnp.shape(self.sequences)[-1] - 1)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        size = logits.shape[0]
        tokens = completing(self.sequences, state)
        biases = jnp.where(tokens >= 0, self.biases, 0.0)
        by = jnp.zeros(size, jnp.float32).at[places(tokens, size)].add(biases, mode="drop")
        return raised(logits, by)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        return push(state, token)

    def __repr__(self):
        return f"SequenceBias({show_sequences(self.sequences)}, {show(self.biases)})"
