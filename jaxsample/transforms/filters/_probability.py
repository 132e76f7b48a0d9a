"""Filters with a threshold on the probability."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="order")
class Epsilon(Transform):
    """Keep the tokens with a probability of at least epsilon.

    If no token is that likely, the maxima stay. epsilon = 0 keeps everything. Tied tokens are kept
    or dropped together. The gradient with respect to `epsilon` is zero.

    Attributes:
        epsilon: probability, in [0, 1]; a leaf.

    Raises:
        ValueError: if `epsilon` is a Python number outside [0, 1].

    Reference: Hewitt et al., 2022, https://arxiv.org/abs/2210.15191

    >>> Epsilon(0.2)(jnp.log(jnp.array([0.5, 0.375, 0.125]))) > -jnp.inf
    Array([ True,  True, False], dtype=bool)
    """

    epsilon: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        return row.keep(row.max + (_log(self.epsilon) + jnp.log(row.sum(jnp.exp))))


@transform(kind="order")
class Eta(Transform):
    """Keep the tokens with a probability of at least min(epsilon, sqrt(epsilon) exp(-H)).

    H is the entropy of the incoming row in nats, so the threshold is lower if the model is less
    certain. If no token is that likely, the maxima stay. epsilon = 0 keeps everything. Tied tokens
    are kept or dropped together. The gradient with respect to `epsilon` is zero.

    Attributes:
        epsilon: probability, in [0, 1]; a leaf.

    Raises:
        ValueError: if `epsilon` is a Python number outside [0, 1].

    Reference: Hewitt et al., 2022, https://arxiv.org/abs/2210.15191

    >>> Eta(0.25)(jnp.log(jnp.array([0.5, 0.375, 0.125]))) > -jnp.inf
    Array([ True,  True, False], dtype=bool)
    """

    epsilon: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        mass, moment = row.sum(jnp.exp, lambda d: jnp.exp(d) * d)
        log = _log(self.epsilon)
        # H is log(mass) - moment / mass, so under sqrt(epsilon) exp(-H) the logarithms cancel.
        below = jnp.minimum(log + jnp.log(mass), 0.5 * log + moment / mass)
        return row.keep(row.max + below)


@transform(kind="order")
class TopA(Transform):
    """Keep the tokens with a probability of at least a times the square of the largest.

    The maxima always stay. a = 0 keeps everything. Tied tokens are kept or dropped together. The
    gradient with respect to `a` is zero.

    Attributes:
        a: factor, in [0, 1]; a leaf.

    Raises:
        ValueError: if `a` is a Python number outside [0, 1].

    Reference: Peng, 2021, https://github.com/BlinkDL/RWKV-LM#the-top-a-sampling-method

    >>> TopA(0.8)(jnp.log(jnp.array([0.5, 0.375, 0.125]))) > -jnp.inf
    Array([ True,  True, False], dtype=bool)
    """

    a: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        # The largest probability is 1 / mass. Its square may underflow, so compare logarithms.
        return row.keep(row.max + (_log(self.a) - jnp.log(row.sum(jnp.exp))))


@transform(kind="order")
class PLess(Transform):
    """Keep the tokens with p >= sum p**2, the probability that two draws from the row agree.

    The maxima always stay, because the sum is an average of probabilities. Tied tokens are kept or
    dropped together. There is no hyperparameter and therefore no neutral value.

    Reference: Tan et al., 2025, https://arxiv.org/abs/2509.23234

    >>> PLess()(jnp.log(jnp.array([0.5, 0.375, 0.125]))) > -jnp.inf
    Array([ True, False, False], dtype=bool)
    """

    def on(self, row, state=None, hidden=None):
        del state, hidden
        mass, collisions = row.sum(jnp.exp, _squared)
        return row.keep(row.max + (jnp.log(collisions) - jnp.log(mass)))


@transform(kind="order")
class PLessNorm(Transform):
    """Keep the tokens with p >= (V sum p**2 - 1) / (V - 1), the looser form of `PLess`.

    V is the size of the vocabulary, including the tokens at -inf. A uniform row has the threshold 0
    and keeps everything. The maxima always stay. Tied tokens are kept or dropped together. There is
    no hyperparameter and therefore no neutral value.

    Reference: Tan et al., 2025, https://arxiv.org/abs/2509.23234

    >>> PLessNorm()(jnp.log(jnp.array([0.5, 0.3, 0.15, 0.05]))) > -jnp.inf
    Array([ True,  True, False, False], dtype=bool)
    """

    def on(self, row, state=None, hidden=None):
        del state, hidden
        mass, collisions = row.sum(jnp.exp, _squared)
        size = jnp.float32(row.size)
        excess = size * (collisions / mass) - mass  # rounding may leave it below 0
        share = jnp.maximum(excess, 0.0) / jnp.maximum(size - 1, 1.0)
        return row.keep(row.max + jnp.log(share))


def _squared(d):
    probability = jnp.exp(d)
    return probability * probability


def _log(x):
    """Return the logarithm of a number, where a negative number counts as 0 and NaN stays NaN."""
    return jnp.log(jnp.maximum(x, 0.0))
