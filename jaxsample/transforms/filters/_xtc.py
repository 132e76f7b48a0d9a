"""Exclude top choices: now and then, leave out all likely tokens but the least of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._noise import one_key, uniform
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import check_scalar


@transform(kind="set")
class XTC(Transform):
    """With a probability, drop all tokens at least as likely as a threshold but the least likely.

    The tokens with p >= threshold are the top choices. One draw per row and step decides, with
    chance `probability`, whether all of them but the least likely go; tokens tied with that one
    stay, so position does not matter. Fewer than two choices, as always with a threshold above 0.5,
    leave the row alone; so does probability = 0, the neutral value. No row is emptied. The
    gradients with respect to both fields are zero.

    Its state is a key, as words `[2]` uint32, and how many tokens were drawn since: the draws of a
    row depend on its own key and step alone.

    Attributes:
        threshold: probability that makes a top choice, in [0, 1]; a leaf.
        probability: how often top choices go, in [0, 1]; a leaf.

    Raises:
        ValueError: if a Python number lies outside its range, or there is no state and no key.

    Reference: https://github.com/oobabooga/text-generation-webui/pull/6335 (p-e-w, 2024)

    >>> xtc = XTC(threshold=0.2, probability=1.0)
    >>> state = xtc.init(jax.random.key(0), None)
    >>> xtc(jnp.log(jnp.array([0.5, 0.375, 0.125])), state) > -jnp.inf
    Array([False,  True,  True], dtype=bool)
    """

    threshold: FloatLeaf = field(low=0.0, high=1.0)
    probability: FloatLeaf = field(low=0.0, high=1.0)

    def init(self, key, prompt):
        del prompt
        if key is None:
            raise ValueError("XTC draws at random: it needs a key, or a state from init(key, None)")
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
        # Of differences, which are exact: a threshold on the values would round with the maximum.
        choices = row.kept & (clamp_below(values, top) >= edge)
        # If there is none, least is inf, and nothing lies above that.
        least = jnp.min(jnp.where(choices, values, jnp.inf))
        return row.only(~acts | (values <= least), ~(jnp.isnan(edge) | jnp.isnan(self.probability)))

    def update(self, state, logits, token, hidden=None):
        del logits, token, hidden
        words, n = self._state(state)
        return words, n + 1
