"""A bias that raises the end-of-sequence tokens over time."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf, IdsLeaf, IntLeaf
from jaxsample.transforms.contract._token_ids import among
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._finite import bounded, power, unless_steep


@transform(kind="token")
class ExponentialLengthDecay(Transform):
    """Raise the logits of end-of-sequence tokens more with every token after `start`.

    Let n be the number of output tokens. For n > start, the logit becomes
    `l + |l| * (factor ** (n - start) - 1)`. A factor below 1 lowers it, and a logit of 0 stays 0.
    Powers are limited to 1e26, and a logit that overflows stays finite. The derivative with respect
    to `factor` is zero where it exceeds 1e30. Neutral: factor = 1.

    The state is n.

    Attributes:
        start: the number of output tokens before the bias begins, >= 0; a leaf.
        factor: growth for each token, > 0; a leaf.
        eos: one token id or several, `[E]` int32; a leaf. Ids outside the vocabulary and negative
            ids in an array are ignored.

    Raises:
        ValueError: if a Python value lies outside its range.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> ExponentialLengthDecay(2, 1.5, eos=0)(jnp.array([-2.0, 1.0]), jnp.int32(3))
    Array([-1.,  1.], dtype=float32)
    """

    start: IntLeaf = field(low=0)
    factor: FloatLeaf = field(low=1e-6, high=1e6)
    eos: IdsLeaf = field()

    def init(self, key, prompt):
        del key, prompt
        return jnp.int32(0)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        past = jnp.maximum(state - jnp.maximum(self.start, 0), 0)
        growth = power(self.factor, past)
        ends = among(self.eos, logits.shape[0]) & (logits > -jnp.inf)
        safe = jnp.where(ends, logits, 0.0)
        slope = jnp.abs(safe) * growth * past.astype(jnp.float32) / jnp.maximum(self.factor, 1e-6)
        growth = unless_steep(growth, slope)
        # Equal to adding |l| * (growth - 1), which may overflow although the sum does not.
        return jnp.where(ends, bounded(safe * jnp.where(safe < 0, 2.0 - growth, growth)), logits)

    def update(self, state, logits, token, hidden=None):
        del logits, token, hidden
        return state + 1
