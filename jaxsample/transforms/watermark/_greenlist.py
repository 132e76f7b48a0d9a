"""The green-list watermark of Kirchenbauer et al."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.kernels._noise import bits
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.watermark._context import Recent, SecretLeaf, key_of, secret


@transform(kind="token")
class Watermark(Transform):
    """Raise the logits of a green list, which is a pseudorandom share of the vocabulary.

    A keyed hash maps the last `width` tokens and a candidate token to a uniform number in [0, 1).
    The token is green if the number is below `fraction`, so each context has V * fraction green
    tokens on average. Green tokens get `l + strength`, all others keep `l`. The last tokens may
    belong to the prompt. A step with fewer than `width` tokens before it does not change. Different
    rows may have different keys. `detect` finds the mark. Neutral: strength = 0.

    Put this transform last, as in the paper: a filter after it would see biased logits. It works
    like transformers' `WatermarkLogitsProcessor` with "lefthash", with another hash. There the list
    is the first floor(V * ratio) tokens of a permutation, which is seeded by the last token alone
    for every `context_width`. So neither detector finds the mark of the other.

    Attributes:
        key: the secret, an int in [0, 2**64), a PRNG key or its words; kept as uint32 `[2]`, a leaf
            that does not train.
        fraction: the expected share of green tokens, in [0, 1]; a leaf that does not train.
        strength: the bias of green tokens, in [0, 100] nats; a leaf.
        width: the number of tokens in a context, >= 1; static. Longer contexts repeat less often,
            but a changed token then removes the mark of more tokens after it.

    Raises:
        ValueError: if a Python number lies outside its range, or `key` is not a key.

    Reference: Kirchenbauer et al., 2023, https://arxiv.org/abs/2301.10226

    >>> mark = Watermark(key=7, fraction=0.5, strength=2.0)
    >>> state = mark.init(None, Prompt.of([3], vocab_size=4, budget=1))
    >>> mark(jnp.zeros(4), state)
    Array([0., 0., 2., 0.], dtype=float32)
    """

    key: SecretLeaf = field(fixed=True)
    fraction: FloatLeaf = field(default=0.25, low=0.0, high=1.0, fixed=True)
    strength: FloatLeaf = field(default=2.0, low=0.0, high=100.0)
    width: int = field(default=1, static=True, low=1)

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "key", secret(type(self).__name__, self.key))

    def init(self, key, prompt):
        del key
        return Recent.of(prompt, self.width)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        green = self._green(self._key(state.tokens), jnp.arange(logits.shape[0], dtype=jnp.uint32))
        # Subtract, because adding 0.0 would change a logit of -0.0.
        return logits - jnp.where(green & state.whole, 0.0 - self.strength, 0.0)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        return self._state(state).then(token)

    def green(self, context: jax.Array, tokens: jax.Array) -> jax.Array:
        """Return which of `tokens` `[n]` are green after the context `[width]`, bool `[n]`."""
        return self._green(self._key(context), tokens)

    def _key(self, context):
        return key_of(self.key, context)

    def _green(self, key, tokens):
        drawn = bits(key, 0, tokens) >> 8
        return drawn.astype(jnp.float32) * jnp.float32(2**-24) < self.fraction
