"""Growing keener to end."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf, IdsLeaf, IntLeaf
from jaxsample.transforms.contract._token_ids import among
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._finite import bounded, power, unless_steep


@transform(kind="token")
class ExponentialLengthDecay(Transform):
    """Raise the end-of-sequence tokens more with every token past `start`.

    `l + |l| * (factor ** (n - start) - 1)` once n > start, n being the output tokens so far; a
    factor below 1 lowers them. A logit of 0 stays 0. Powers past 1e26 count as that, and what
    overflows stays finite. Neutral: factor = 1.

    The state is n.

    Attributes:
        start: output tokens before it begins, >= 0; a leaf.
        factor: growth per token, > 0; a leaf.
        eos: token ids, or one, `[E]` int32; a leaf. Ids outside the vocabulary, and negative ones
            in an array, are ignored.

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
        # The same as adding |l| * (growth - 1), whose product may overflow where the sum does not.
        return jnp.where(ends, bounded(safe * jnp.where(safe < 0, 2.0 - growth, growth)), logits)

    def update(self, state, logits, token, hidden=None):
        del logits, token, hidden
        return state + 1
