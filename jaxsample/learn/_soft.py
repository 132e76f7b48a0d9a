"""Soft filters, whose edge can be trained.

A hard filter has zero gradient in its own parameter. A soft filter multiplies the probability of
each token by a weight, a sigmoid of the token's distance from the edge. As the sharpness grows,
value and gradient become those of the hard filter, unless a token lies on the edge.

SoftTopP and SoftMinP divide the weight by its value at the neutral setting. So the weight is
exactly 1 there and still has a slope, and a filter that is off can be trained.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._ranks import ranks
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform

SHARPNESS = 300.0
SHARPEST = 1e30  # of float32, with room for a factor: infinity times 0 would be NaN


@transform(kind="set")
class SoftTopP(Transform):
    """Fade out the tokens beyond the nucleus: `TopP` with a gradient in `p`.

    The weight of a token is sigmoid(sharpness (p - c)) / sigmoid(sharpness (1 - c)), where c is the
    mass of the tokens strictly more likely than it; ties have the same weight. The mass excludes
    the token itself, as in `TopP`, so the token that crosses `p` stays. Neutral: p = 1. The row is
    sorted.

    Attributes:
        p: mass of the nucleus, in [0, 1]; a leaf.
        sharpness: per unit of mass, >= 0; a leaf that never trains.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: after Wang et al., 2025, https://arxiv.org/abs/2510.26697

    >>> jax.nn.softmax(SoftTopP(0.6)(jnp.log(jnp.array([0.5, 0.3, 0.2]))))[2].round(3)
    Array(0., dtype=float32)
    """

    p: FloatLeaf = field(low=0.0, high=1.0)
    sharpness: FloatLeaf = field(default=SHARPNESS, low=0.0, fixed=True)

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        rank, weights = ranks(lax.stop_gradient(logits)), _ratios(logits)
        ranked = jnp.zeros_like(weights).at[rank].add(weights)  # ties share a place
        above = (jnp.cumsum(ranked) - ranked)[rank] / jnp.sum(weights)
        sharpness = _finite(self.sharpness)
        at = sharpness * (self.p - above)
        off = sharpness * (1.0 - above)
        return logits - (jax.nn.log_sigmoid(off) - jax.nn.log_sigmoid(at))


@transform(kind="set")
class SoftMinP(Transform):
    """Fade out tokens much less likely than the likeliest: `MinP` with a gradient in `p`.

    The weight of a token is sigmoid(sharpness (r - p)) / sigmoid(sharpness r), where r is its
    probability divided by that of the likeliest token. Neutral: p = 0.

    Attributes:
        p: the least such ratio, in [0, 1]; a leaf.
        sharpness: per unit of the ratio, >= 0; a leaf that never trains.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: the filter: Nguyen et al., 2024, https://arxiv.org/abs/2407.01082

    >>> jax.nn.softmax(SoftMinP(0.5)(jnp.log(jnp.array([0.5, 0.3, 0.2]))))[2].round(3)
    Array(0., dtype=float32)
    """

    p: FloatLeaf = field(low=0.0, high=1.0)
    sharpness: FloatLeaf = field(default=SHARPNESS, low=0.0, fixed=True)

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        sharpness = _finite(self.sharpness)
        ratio = sharpness * _ratios(logits)
        edge = sharpness * self.p
        return logits - (jax.nn.log_sigmoid(ratio) - jax.nn.log_sigmoid(ratio - edge))


@transform(kind="set")
class SoftTopK(Transform):
    """Fade out the tokens below the k likeliest: `TopK` with a gradient in a real-valued `k`.

    The weight of a token is sigmoid(sharpness log(k / (r + 1/2))), where r is the number of tokens
    strictly more likely than it; ties have the same weight. The logarithm makes the weight depend
    on the ratio of rank to k. Neutral: `SoftTopK.off` (infinity).

    Attributes:
        k: the number of tokens kept, > 0; a leaf.
        sharpness: per unit of log rank, >= 0; a leaf that never trains.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: the filter: Fan et al., 2018, https://arxiv.org/abs/1805.04833

    >>> jax.nn.softmax(SoftTopK(2.0)(jnp.log(jnp.array([0.5, 0.3, 0.2]))))[2].round(3)
    Array(0., dtype=float32)
    """

    off = math.inf

    k: FloatLeaf = field(low=0.0)
    sharpness: FloatLeaf = field(default=SHARPNESS, low=0.0, fixed=True)

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        rank = ranks(lax.stop_gradient(logits)).astype(jnp.float32)
        within = jnp.log(jnp.maximum(self.k, 0.5)) - jnp.log(rank + 0.5)
        return logits + jax.nn.log_sigmoid(_finite(self.sharpness) * within)


def _finite(sharpness):
    return jnp.minimum(sharpness, SHARPEST)


def _ratios(logits):
    """Return each probability divided by the largest one; 0 for a dropped token."""
    return jnp.where(logits > -jnp.inf, jnp.exp(clamp_below(logits, jnp.max(logits))), 0.0)
