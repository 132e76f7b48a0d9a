"""The filters top-k, top-p and min-p."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf, IntLeaf
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="order")
class TopK(Transform):
    """Keep the tokens with a logit at least as large as the k-th largest.

    All tokens tied with the k-th largest stay. k >= V keeps everything, and `TopK.off` always
    does. `k` is an integer leaf and has no gradient.

    Attributes:
        k: the number of tokens to keep, >= 1; a leaf.

    Raises:
        ValueError: if `k` is a Python number that is below 1 or not whole.

    Reference: Fan et al., 2018, https://arxiv.org/abs/1805.04833

    >>> TopK(2)(jnp.array([0.0, 3.0, 1.0, 1.0]))
    Array([-inf,   3.,   1.,   1.], dtype=float32)
    """

    off = 2**31 - 1

    k: IntLeaf = field(low=1)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        return row.keep(row.kth(self.k))


@transform(kind="order")
class TopP(Transform):
    """Keep the tokens for which the mass of likelier tokens is less than p (nucleus sampling).

    Tied tokens are kept or dropped together. p = 1 keeps everything, and p <= 0 keeps the maxima.
    The gradient with respect to `p` is zero.

    Attributes:
        p: the probability mass to keep, in [0, 1]; a leaf.

    Raises:
        ValueError: if `p` is a Python number outside [0, 1].

    Reference: Holtzman et al., 2020, https://arxiv.org/abs/1904.09751

    >>> TopP(0.5)(jnp.array([0.0, 3.0, 1.0]))
    Array([-inf,   3., -inf], dtype=float32)
    """

    p: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        # Rounded sums may reach the total before the last token, so treat 1 separately.
        off = self.p >= 1
        share = jnp.where(off, 0.0, self.p)
        return row.keep(jnp.where(off, -jnp.inf, row.value_at(jnp.exp, share)))


@transform(kind="order")
class MinP(Transform):
    """Keep the tokens at least p times as likely as the likeliest: l >= max l + log p.

    Tied tokens are kept or dropped together. p = 0 keeps everything, and p = 1 keeps the maxima.
    The gradient with respect to `p` is zero.

    Attributes:
        p: share of the largest probability, in [0, 1]; a leaf.

    Raises:
        ValueError: if `p` is a Python number outside [0, 1].

    Reference: Nguyen et al., 2024, https://arxiv.org/abs/2407.01082

    >>> MinP(0.1)(jnp.array([0.0, 3.0, 1.0]))
    Array([-inf,   3.,   1.], dtype=float32)
    """

    p: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        return row.keep(row.max + jnp.log(jnp.maximum(self.p, 0.0)))
