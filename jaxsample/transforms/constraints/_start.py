"""Constraints on the first tokens of the output."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import IdsLeaf, IntLeaf
from jaxsample.transforms.contract._token_ids import among
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="token")
class ForceTokens(Transform):
    """Force the first tokens of the output.

    At each step all tokens but the forced one become -inf, and its logit does not change. If the
    forced token was dropped before, the row is invalid: it returns as NaN and its token is -1. An
    id of -1 forces no token at its step. Neutral: no tokens, or only -1.

    The state is the number of output tokens.

    Attributes:
        tokens: token ids or -1, `[N]` int32; a leaf. Negative ids and ids past the vocabulary force
            no token.

    Raises:
        ValueError: if a Python value is neither a token id nor -1.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> ForceTokens([2, -1, 0])(jnp.array([1.0, 2.0, 3.0]))
    Array([-inf, -inf,   3.], dtype=float32)
    """

    tokens: IdsLeaf = field(low=-1)

    def init(self, key, prompt):
        del key, prompt
        return jnp.int32(0)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        size = logits.shape[0]
        tokens = jnp.append(jnp.asarray(self.tokens), jnp.int32(-1))
        forced = tokens[jnp.minimum(state, tokens.shape[0] - 1)]
        free = (forced < 0) | (forced >= size)
        return jnp.where(free | (jnp.arange(size, dtype=jnp.int32) == forced), logits, -jnp.inf)

    def update(self, state, logits, token, hidden=None):
        del logits, token, hidden
        return state + 1


@transform(kind="token")
class MinNewTokens(Transform):
    """Drop the end-of-sequence tokens until the output has `n` tokens.

    `eos` may be any token ids. If every token is dropped, the row is invalid: it returns as NaN and
    its token is -1. Neutral: n = 0.

    The state is the number of output tokens.

    Attributes:
        n: the least number of output tokens before the end, >= 0; a leaf.
        eos: one token id or several, `[E]` int32; a leaf. Ids outside the vocabulary and negative
            ids in an array are ignored.

    Raises:
        ValueError: if a Python value lies outside its range.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> MinNewTokens(2, eos=0)(jnp.array([1.0, 2.0, 3.0]), jnp.int32(1))
    Array([-inf,   2.,   3.], dtype=float32)
    """

    n: IntLeaf = field(low=0)
    eos: IdsLeaf = field()

    def init(self, key, prompt):
        del key, prompt
        return jnp.int32(0)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        early: jax.Array = state < self.n
        return jnp.where(among(self.eos, logits.shape[0]) & early, -jnp.inf, logits)

    def update(self, state, logits, token, hidden=None):
        del logits, token, hidden
        return state + 1
