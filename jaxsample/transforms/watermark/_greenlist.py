"""The green list of Kirchenbauer and others: a bias for a share of the tokens, chosen by a key."""

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
    """Raise the logits of a green list, a share of the vocabulary drawn anew for every context.

    A token is green where a uniform number in [0, 1), a keyed hash of (the last `width` tokens, the
    token), lies below `fraction`: so green tokens number V * fraction on average, and asking for
    one token costs one hash. `l + strength` where green, `l` elsewhere. The last tokens may be the
    prompt's; a step with fewer than `width` tokens before it is left alone. strength = 0 is the
    identity, and per-row keys give every row a mark of its own. `detect` finds it.

    Put it last, where the paper has it: a filter behind it would see biased logits. The meaning is
    that of transformers' `WatermarkLogitsProcessor` with "lefthash", the bits are not: its list is
    the head of a permutation of the vocabulary, floor(V * ratio) tokens, seeded by the last token
    alone whatever `context_width` says, so neither finds the other's mark.

    Attributes:
        key: the secret: an int in [0, 2**64), a PRNG key or its words; kept as uint32 `[2]`, a leaf
            that never trains.
        fraction: expected share of green tokens, in [0, 1]; a leaf that never trains.
        strength: bias of green tokens, in [0, 100], nats; a leaf.
        width: how many tokens decide about the next, >= 1; static. More of them repeat less often,
            but a changed token then spoils the mark of more tokens behind it.

    Raises:
        ValueError: if a Python number lies outside its range, or `key` is no key.

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
        # Subtracted, because only 0 - 0 leaves a logit of -0.0 what it was.
        return logits - jnp.where(green & state.whole, 0.0 - self.strength, 0.0)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        return self._state(state).then(token)

    def green(self, context: jax.Array, tokens: jax.Array) -> jax.Array:
        """Return which of `tokens` `[n]` are green behind the context `[width]`, bool `[n]`."""
        return self._green(self._key(context), tokens)

    def _key(self, context):
        return key_of(self.key, context)

    def _green(self, key, tokens):
        drawn = bits(key, 0, tokens) >> 8
        return drawn.astype(jnp.float32) * jnp.float32(2**-24) < self.fraction
