"""A filter that keeps a share of the entropy."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._moments import masses


@transform(kind="order")
class TopH(Transform):
    """Keep the likeliest tokens whose share of the entropy is less than alpha.

    A token with probability q adds -q log q to the entropy H of the row. In descending order, a
    token is kept if its term and the terms before it sum to less than alpha H. Tied tokens are kept
    or dropped together, and the maxima always stay. alpha = 1 keeps everything. The gradient with
    respect to `alpha` is zero.

    H is the entropy of the whole row. The authors and Hugging Face use the 100 likeliest tokens
    instead; `chain(TopK(100), TopH(alpha))` does the same.

    Attributes:
        alpha: the share of the entropy, in [0, 1]; a leaf.

    Raises:
        ValueError: if `alpha` is a Python number outside [0, 1].

    Reference: Potraghloo et al., 2025, https://arxiv.org/abs/2509.02510

    >>> TopH(0.7)(jnp.log(jnp.array([0.5, 0.375, 0.125]))) > -jnp.inf
    Array([ True, False, False], dtype=bool)
    """

    alpha: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        mass, log_mass, s = masses(row)
        off = self.alpha >= 1
        share = jnp.where(off, 0.0, jnp.maximum(self.alpha, 0.0))
        total = mass * log_mass - s  # the sum of the terms, which are >= 0
        reached = row.value_at(lambda d: jnp.exp(d) * (log_mass - d), share, total)
        return row.keep(jnp.where(off, -jnp.inf, _next_above(reached)))


def _next_above(x):
    """Return the next float32, but no subnormal number, which devices may flush to 0."""
    tiny = jnp.finfo(jnp.float32).tiny
    return jnp.where(jnp.abs(x) < tiny, tiny, jnp.nextafter(x, jnp.float32(jnp.inf)))
