"""The SynthID watermark, which does not distort the distribution of texts."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._blocks import tree_sum
from jaxsample.kernels._noise import bits
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.watermark._context import Recent, SecretsLeaf, key_of, secrets

_BITS = 32  # the number of coins in one hash
_LEAST = 2.0**-80  # the least share of mass in a tournament, far too small to affect a draw


@exported
class Marked(NamedTuple):
    """The state of `SynthID` for one row.

    Attributes:
        recent: the last `width` tokens.
        seen: `[SynthID.history]` uint32, a ring buffer with hashes of earlier contexts.
        n: int32, the number of earlier contexts.
    """

    recent: Recent
    seen: jax.Array
    n: jax.Array


@transform(kind="token")
class SynthID(Transform):
    """Redistribute probability by a tournament of keyed coins, one round for each key.

    In each round every token has a coin g in {0, 1}, which is a keyed hash of the last `width`
    tokens, the token and the round. Then `p <- p (1 + g - sum g p)`: the distribution of the winner
    if two tokens are drawn from p, a token with g = 1 wins, and ties are broken evenly. The mean
    over keys is p, so no step distorts the text. A whole text is not distorted either if every
    context is marked only once. So a step does not change if its context occurred before in the
    row, or if there are fewer than `width` tokens before it. The last `SynthID.history` contexts of
    the output are stored (1024, as in transformers). `detect` finds the mark.

    The maximum of a marked row is subtracted from it. Only tokens that were dropped before are
    dropped: if g = 0 for less than 2**-80 of the mass, that share counts as 2**-80. Put this
    transform last, because later ones would change the mark. All keys together are one secret, so
    changing one key changes every coin. A key of 0 turns its round off. Neutral: only keys of 0, so
    that rows with and without a mark, or with different depths, can be mixed.

    The tournament and the rule for repeated contexts are those of transformers'
    `SynthIDTextWatermarkLogitsProcessor`, where `ngram_len` is width + 1. The hashes differ. There
    a context begins with zeros and contains only output; here it also contains the prompt.

    Attributes:
        keys: `[depth]` ints in [0, 2**32), kept as uint32; a leaf that does not train. The paper
            uses a depth of 30.
        width: the number of tokens in a context, >= 1; static.

    Raises:
        ValueError: if `keys` is not a row of such ints, or `width` is below 1.

    Reference: Dathathri et al., 2024, https://doi.org/10.1038/s41586-024-08025-4

    >>> mark = SynthID(keys=[654, 400, 836], width=1)
    >>> state = mark.init(None, Prompt.of([3], vocab_size=4, budget=1))
    >>> [round(float(p), 3) for p in jax.nn.softmax(mark(jnp.zeros(4), state))]
    [0.018, 0.02, 0.481, 0.481]
    """

    history = 1024

    keys: SecretsLeaf = field(fixed=True)
    width: int = field(default=4, static=True, low=1)

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "keys", secrets(type(self).__name__, self.keys))

    def init(self, key, prompt):
        del key
        seen = jnp.zeros(self.history, jnp.uint32)
        return Marked(Recent.of(prompt, self.width), seen, jnp.int32(0))

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        context = self._key(state.recent.tokens)
        words = self._words(context, jnp.arange(logits.shape[0], dtype=jnp.uint32))
        fresh = state.recent.whole & ~jnp.any(state.seen == _name(context))
        on = (jnp.asarray(self.keys) != 0) & fresh
        return jnp.where(jnp.any(on), tournament(logits, words, on), logits)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        recent, seen, n = self._state(state)
        met = seen.at[n % self.history].set(_name(self._key(recent.tokens)))
        met, n = jnp.where(recent.whole, met, seen), n + recent.whole.astype(jnp.int32)
        return Marked(recent.then(token), met, n)

    def coins(self, context: jax.Array, tokens: jax.Array) -> jax.Array:
        """Return g of `tokens` `[n]` in each round after the context, bool `[n, depth]`."""
        return self._coins(self._key(context), tokens)

    def _coins(self, key, tokens):
        rounds = jnp.arange(jnp.shape(self.keys)[-1], dtype=jnp.uint32)
        words = self._words(key, tokens)[rounds // _BITS].T
        return _coin(words, jnp.broadcast_to(rounds % _BITS, words.shape))

    def _key(self, context):
        """Return one key for the keys and the context, where keys of 0 do not count."""
        keys = jnp.asarray(self.keys)
        data = jnp.stack([keys, jnp.arange(keys.shape[0], dtype=jnp.uint32)], axis=1)

        def both(words):
            key = jax.random.wrap_key_data(words, impl="threefry2x32")
            return bits(key, 0, jnp.arange(2, dtype=jnp.uint32))

        each = jnp.where((keys != 0)[:, None], jax.vmap(both)(data), jnp.uint32(0))
        return key_of(lax.reduce(each, jnp.uint32(0), lax.bitwise_xor, (0,)), context)

    def _words(self, key, tokens):
        """Return the coins of `tokens` `[n]` as words of 32 rounds, uint32 `[depth / 32, n]`."""
        streams = -(-jnp.shape(self.keys)[-1] // _BITS)
        return jnp.stack([bits(key, stream, tokens) for stream in range(streams)])


def tournament(logits: jax.Array, words: jax.Array, on: jax.Array) -> jax.Array:
    """Return logits `[V]` minus their maximum after the rounds that are `on` `[depth]`."""
    below = clamp_below(logits, lax.stop_gradient(jnp.max(logits)))
    weights = jnp.where(logits > -jnp.inf, jnp.exp(below), 0.0)
    rounds = jnp.arange(on.shape[0], dtype=jnp.uint32)

    def play(carry, this):
        p, change = carry
        i, on = this
        g = _coin(words[i // _BITS], i % _BITS)
        # If `lost` is the share of g = 0, the factors are 1 + lost and lost, without cancellation.
        # Divide by the total, because an error in the sum of p would double in each round. The sum
        # of a product is ten times faster on the CPU than that of a jnp.where. Without the barrier
        # XLA computes the logarithms once for every token.
        heads = g.astype(jnp.float32)
        tails, total = tree_sum(p * (1.0 - heads)), tree_sum(p)
        lost = jnp.clip(tails / total, _LEAST, 1.0)
        lost, won = jnp.where(on, lost, 1.0), jnp.where(on, 1.0 + lost, 1.0)
        lost, won, down, up = lax.optimization_barrier((lost, won, jnp.log(lost), jnp.log(won)))
        return (p * jnp.where(g, won, lost), change + jnp.where(g, up, down)), None

    start = weights, jnp.zeros_like(weights)
    return below + lax.scan(play, start, (rounds, on))[0][1]


def _coin(words, i):
    return ((words >> i) & 1) == 1


def _name(key):
    """Return the word that is stored of a context's key."""
    return jax.random.key_data(key)[..., 0]
