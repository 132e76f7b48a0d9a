"""A filter with a threshold in standard deviations of the logits."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxsample.kernels._validity import HIGHEST
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="order")
class TopNSigma(Transform):
    """Keep the tokens with a logit of at least max l - n sigma.

    sigma is the population standard deviation of the logits above -inf. A temperature before the
    filter does not change which tokens it keeps. Tied tokens are kept or dropped together. n = 0
    keeps the maxima, and `TopNSigma.off` (infinity) keeps everything. The gradient with respect to
    `n` is zero.

    Attributes:
        n: the number of standard deviations, >= 0; a leaf.

    Raises:
        ValueError: if `n` is a negative Python number.

    Reference: Tang et al., 2024, https://arxiv.org/abs/2411.07641

    >>> TopNSigma(1.0)(jnp.array([10.0, 9.0, 5.0, 0.0, -3.0, -4.0]))
    Array([ 10.,   9.,   5., -inf, -inf, -inf], dtype=float32)
    """

    off = math.inf

    n: FloatLeaf = field(low=0.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        # A power of two as the weight of each token keeps the sums finite without rounding.
        share = 2.0 ** -math.ceil(math.log2(row.size))
        count, total = row.sum(lambda d: jnp.full_like(d, share), lambda d: d * share)
        mean = jnp.maximum(total / count, jnp.finfo(jnp.float32).min)
        # Measure differences in units of the mean, so that no square overflows. Square the
        # differences: next to one outlier, the mean of squares minus the square of the mean would
        # lose every digit.
        unit = jnp.clip(-mean, 2.0**-100, 2.0**100)
        squares = row.sum(lambda d: ((d - mean) / unit) ** 2 * share)
        sigma = unit * jnp.sqrt(squares / count)
        off = self.n == math.inf
        # The minimum rounds the product: a fused multiply-add would move the threshold at its last
        # digit. No token is further below the maximum than the largest float.
        spread = jnp.minimum(jnp.where(off, 0.0, jnp.maximum(self.n, 0.0)) * sigma, HIGHEST)
        return row.keep(jnp.where(off | (spread == HIGHEST), -jnp.inf, row.max - spread))
