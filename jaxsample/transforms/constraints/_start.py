"""What the first tokens of the output may be."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import IdsLeaf, IntLeaf
from jaxsample.transforms.contract._token_ids import among
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="token")
class ForceTokens(Transform):
    """Force the first tokens of the output, one after the other.

    All but the forced token become -inf; its logit stays. A forced token that was dropped before
    empties the row: it comes back as NaN and ends by token -1. -1 leaves its place free. Neutral:
    no tokens, or -1 alone.

    The state is how many tokens came.

    Attributes:
        tokens: token ids or -1, `[N]` int32; a leaf. A negative id, and one past the vocabulary,
            leaves its place free.

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
    """Drop the end-of-sequence tokens until `n` tokens came out.

    With any other ids it keeps those out of the first n places. A row that loses every token is
    invalid: it comes back as NaN and ends by token -1. Neutral: n = 0.

    The state is how many tokens came.

    Attributes:
        n: output tokens before the end may come, >= 0; a leaf.
        eos: token ids, or one, `[E]` int32; a leaf. Ids outside the vocabulary, and negative ones
            in an array, are ignored.

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
