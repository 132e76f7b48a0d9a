"""Exclude top choices (XTC)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._noise import one_key, uniform
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._token_ids import among, pack_ids
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._values import check_scalar

SPARED = "tokens", "row"


@transform(kind="set")
class XTC(Transform):
    """Drop, with some probability, all tokens above a threshold except the least likely of them.

    The tokens with p >= threshold are the top choices. At every step, all of them except the least
    likely one are dropped with chance `probability`. Tokens tied with the least likely one stay. A
    row with fewer than two choices does not change, so a threshold above 0.5 has no effect. At
    least one token stays. Neutral: probability = 0. The gradients with respect to both fields are
    zero.

    Tokens of `keep` are never dropped, such as the end of the text and the line break. They count
    as choices. With spare="row", a row in which one of them would be dropped does not change at
    all, as in text-generation-webui; mlx-lm spares the tokens alone.

    The state is a key, as words `[2]` uint32, and the number of tokens drawn so far. The random
    numbers of a row depend on its own key and step alone.

    Attributes:
        threshold: the least probability of a top choice, in [0, 1]; a leaf.
        probability: the chance that top choices are dropped, in [0, 1]; a leaf.
        keep: the token ids that are never dropped; static.
        spare: "tokens" or "row"; static.

    Raises:
        ValueError: if a Python value lies outside its range, or there is no state and no key.

    Reference: https://github.com/oobabooga/text-generation-webui/pull/6335 (p-e-w, 2024)

    >>> xtc = XTC(threshold=0.2, probability=1.0)
    >>> state = xtc.init(jax.random.key(0), None)
    >>> xtc(jnp.log(jnp.array([0.5, 0.375, 0.125])), state) > -jnp.inf
    Array([False,  True,  True], dtype=bool)
    """

    threshold: FloatLeaf = field(low=0.0, high=1.0)
    probability: FloatLeaf = field(low=0.0, high=1.0)
    keep: Sequence[int] = field(default=(), static=True)
    spare: str = field(default="tokens", static=True)

    def __post_init__(self):
        ids = tuple(pack_ids("XTC: keep", self.keep).tolist())
        object.__setattr__(self, "keep", ids)
        super().__post_init__()
        if self.spare not in SPARED:
            raise ValueError(f"XTC: spare must be one of {SPARED}, got {self.spare!r}")

    def init(self, key, prompt):
        del prompt
        if key is None:
            raise ValueError("XTC needs a key, or a state from init(key, None)")
        return jax.random.key_data(one_key(key)), jnp.int32(0)

    def on(self, row, state=None, hidden=None):
        del hidden
        check_scalar(self.threshold)
        check_scalar(self.probability)
        words, n = self._state(state)
        acts = uniform(jax.random.wrap_key_data(words, impl="threefry2x32"), 2, n)
        acts = acts < self.probability
        values, top = lax.stop_gradient((row.values, row.max))
        log = jnp.log(jnp.maximum(self.threshold, 0.0))
        edge = lax.stop_gradient(log + jnp.log(row.sum(jnp.exp)))
        # Compare differences from the maximum, because a threshold on values would be rounded.
        choices = row.kept & (clamp_below(values, top) >= edge)
        # Without a choice, least is inf, and every token stays.
        least = jnp.min(jnp.where(choices, values, jnp.inf))
        drops = acts & (values > least)
        if self.keep:
            spared = drops & among(jnp.array(self.keep, jnp.int32), row.size)
            drops &= ~jnp.any(spared) if self.spare == "row" else ~spared
        return row.only(~drops, ~(jnp.isnan(edge) | jnp.isnan(self.probability)))

    def update(self, state, logits, token, hidden=None):
        del logits, token, hidden
        words, n = self._state(state)
        return words, n + 1
