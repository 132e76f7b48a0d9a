"""A fixed temperature, and one that depends on the entropy of the row."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._moments import entropy

HOTTEST = 1e30  # a hotter temperature counts as this one: every kept token is equally likely


@transform(kind="order")
class Temperature(Transform):
    """Divide the logits by a temperature: (l - max l) / value.

    A temperature below 1 sharpens the distribution and one above 1 flattens it. 1 is neutral, up to
    the shift by the maximum. 0 is greedy: all tokens but the maxima become -inf, and the key
    decides between tied maxima. Infinity makes the kept tokens equally likely. The gradient is
    defined for value > 0 and is zero at 0.

    Attributes:
        value: the temperature, >= 0; a leaf.

    Raises:
        ValueError: if `value` is a negative Python number.

    Reference: Ackley et al., 1985, https://doi.org/10.1207/s15516709cog0901_7

    >>> Temperature(0.5)(jnp.array([0.0, 3.0, 1.0]))
    Array([-6.,  0., -4.], dtype=float32)
    """

    value: FloatLeaf = field(low=0.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        return row.divide(self.value)


@transform(kind="order")
class EntropyTemperature(Transform):
    """Choose the temperature from the entropy of the row: T = t0 * base ** (theta / H) (EDT).

    H is the entropy of the incoming row in nats. With theta > 0 a row with little entropy becomes
    greedy, and a row with much entropy approaches t0. theta = 0 is Temperature(t0). With theta < 0
    a row with little entropy becomes hot, and `max_temperature` limits T. Temperatures past 1e30,
    infinity included, count as 1e30: every kept token is equally likely. Neutral: t0 = 1,
    theta = 0.

    Attributes:
        t0: upper bound of the temperature for theta > 0, >= 0; a leaf.
        theta: strength of the dependence on entropy, in nats; a leaf.
        base: in (0, 1]; a leaf that does not train.
        max_temperature: limit of the temperature for theta < 0, >= 0; a leaf that does not train.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: Zhang et al., 2024, https://arxiv.org/abs/2403.14541

    >>> [round(float(l), 3) for l in EntropyTemperature(1.0, 0.5)(jnp.array([0.0, 2.0]))]
    [-2.714, 0.0]
    """

    t0: FloatLeaf = field(low=0.0)
    theta: FloatLeaf = field(low=-1e30, high=1e30)
    base: FloatLeaf = field(default=0.8, low=1e-6, high=1.0, fixed=True)
    max_temperature: FloatLeaf = field(default=10.0, low=0.0, fixed=True)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        # The bounds keep every product and its derivative finite, and change no temperature.
        theta, base = jnp.clip(self.theta, -1e25, 1e25), jnp.clip(self.base, 1e-6, 1e6)
        t0, most = (jnp.clip(t, -HOTTEST, HOTTEST) for t in (self.t0, self.max_temperature))
        exponent = jnp.log(base) * theta / jnp.maximum(entropy(row), 1e-9)
        t = t0 * jnp.exp(jnp.clip(exponent, -200.0, 80.0))
        return row.divide(jnp.where(exponent > 0, jnp.minimum(t, most), t))
