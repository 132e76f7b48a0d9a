"""Combiners of two rows of logits, one with and one without a condition."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.kernels._blocks import tree_sum
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._compiled import compiled
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._hyperparameters import Hyperparameters, frozen
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.rows._row import Row

# The log of the smallest positive float32, 2**-149.
LEAST = -103.27893


class Combiner(Hyperparameters):
    """Maps two rows of logits `[V]`, the conditional first, to one row `[V]` float32.

    All combiners compute in float32. A token that is -inf in the conditional row stays -inf. A
    token that is -inf only in the unconditional row counts as having probability 2**-149 there, so
    that the result is large but never +inf. If either row is invalid, as defined for `Transform`,
    the result is all NaN.
    """

    @compiled
    def __call__(self, conditional: jax.Array, unconditional: jax.Array) -> jax.Array:
        """Combine two rows `[V]`; batches by `jax.vmap`.

        Raises:
            ValueError: if they are not two rows of one length.
        """
        c, u = Row.of(conditional), Row.of(unconditional)
        if c.size != u.size:
            raise ValueError(f"the two rows must have one length, got {c.size} and {u.size}")
        values = jnp.minimum(self.combine(c, u), jnp.finfo(jnp.float32).max)
        values = jnp.where(c.kept, values, -jnp.inf)
        return jnp.where(c.valid & u.valid, values, jnp.nan)

    def combine(self, c: Row, u: Row) -> jax.Array:
        """Return `[V]` from the conditional and the unconditional row."""
        raise NotImplementedError(f"{type(self).__name__} does not define combine")


@frozen
class Guidance(Combiner):
    """Classifier-free guidance: u + scale * (c - u), on log-probabilities.

    A scale of 0 gives the unconditional row and 1 the conditional row. A larger scale favours
    tokens that the condition makes likelier. Neutral: scale = 1, the conditional log-probabilities
    bit for bit.

    Attributes:
        scale: the strength of the guidance; a leaf.

    Raises:
        ValueError: if `scale` is a Python number that is not finite.

    Reference: Sanchez et al., 2023, https://arxiv.org/abs/2306.17806

    >>> c, u = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.75, 0.25]))
    >>> [round(float(p), 3) for p in jax.nn.softmax(Guidance(2.0)(c, u))]
    [0.25, 0.75]
    """

    scale: FloatLeaf = field(low=-1e6, high=1e6)

    def combine(self, c, u):
        conditional = _logprobs(c)
        further = jnp.clip(self.scale, -1e6, 1e6) - 1.0
        return conditional + further * (conditional - _logprobs(u))


@frozen
class KLTemperature(Combiner):
    """Lower the temperature where the condition matters: T = temperature * 2 ** (-KL / sigma).

    KL is the divergence of the conditional from the unconditional distribution, nats. A token that
    the condition determines is drawn nearly greedily; a token that does not depend on it is drawn
    at `temperature`. The result is (l - max l) / T for conditional logits l; T = 0 is greedy, as
    for `Temperature`. Neutral: sigma = inf and temperature = 1, up to the shift by the maximum.

    Attributes:
        temperature: the temperature for equal streams, >= 0; a leaf.
        sigma: the divergence that halves the temperature, nats, >= 1e-6; a leaf.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: Chang et al., 2023, https://arxiv.org/abs/2306.01286

    >>> c, u = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.75, 0.25]))
    >>> KLTemperature(0.5, 1.0)(jnp.array([0.0, 2.0]), jnp.array([0.0, 2.0]))
    Array([-4.,  0.], dtype=float32)
    >>> [round(float(l), 3) for l in KLTemperature(0.5, 1.0)(u, c)]
    [0.0, -2.406]
    """

    temperature: FloatLeaf = field(low=0.0)
    sigma: FloatLeaf = field(low=1e-6)

    def combine(self, c, u):
        conditional = _logprobs(c)
        terms = jnp.exp(conditional) * (conditional - _logprobs(u))
        # Rounding can make the KL of equal streams negative, and inf / sigma = inf / inf is NaN.
        kl = jnp.clip(tree_sum(jnp.where(c.kept, terms, 0.0)), 0.0, 1e30)
        halvings = jnp.minimum(kl / jnp.maximum(self.sigma, 1e-6), 200.0)
        return c.divide(self.temperature * jnp.exp2(-halvings)).values


@frozen
class Contrast(Combiner):
    """Contrastive decoding: log p_c - log p_u, for the tokens plausible under the condition.

    A token is plausible if p_c >= alpha * max p_c; the others become -inf. Tokens with equal
    conditional logits are kept or dropped together. alpha = 0 keeps all tokens, and alpha = 1 keeps
    the maxima. No value is neutral. The gradient with respect to `alpha` is zero.

    Attributes:
        alpha: the fraction of the largest probability, in [0, 1]; a leaf.

    Raises:
        ValueError: if `alpha` is a Python number outside [0, 1].

    Reference: Li et al., 2023, https://arxiv.org/abs/2210.15097

    >>> c, u = jnp.log(jnp.array([0.5, 0.45, 0.05])), jnp.log(jnp.array([0.5, 0.25, 0.25]))
    >>> [round(float(l), 3) for l in Contrast(0.2)(c, u)]
    [0.0, 0.588, -inf]
    """

    alpha: FloatLeaf = field(low=0.0, high=1.0)

    def combine(self, c, u):
        plausible = c.keep(c.max + jnp.log(jnp.maximum(self.alpha, 0.0))).kept
        return jnp.where(plausible, _logprobs(c) - _logprobs(u), -jnp.inf)


def _logprobs(row):
    """Return log-probabilities `[V]`, all finite."""
    below = clamp_below(row.values, row.max) - jnp.log(row.sum(jnp.exp))
    return jnp.where(row.kept, below, LEAST)
