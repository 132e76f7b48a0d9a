"""A threshold on the entropy of what is kept."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import masses


@transform(kind="order")
class TopH(Transform):
    """Keep the likeliest tokens as long as their share of the entropy is less than alpha.

    A token with probability q adds -q log q to the entropy H of the row. From the likeliest down,
    tokens are kept while the terms up to and with their own sum to less than alpha H: the token
    that reaches it goes. Ties live or die together, and the maxima always stay. alpha = 1 keeps
    everything. The gradient with respect to `alpha` is zero.

    H is that of the whole row. The authors look at the 100 likeliest tokens alone, and so does
    Hugging Face, which lets their probabilities sum to 1: `chain(TopK(100), TopH(alpha))`.

    Attributes:
        alpha: share of the entropy, in [0, 1]; a leaf: may be traced, batched by `vmap`.

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
        total = mass * log_mass - s  # of the terms, none of them negative
        reached = row.value_at(lambda d: jnp.exp(d) * (log_mass - d), share, total)
        return row.keep(jnp.where(off, -jnp.inf, _next_above(reached)))


def _next_above(x):
    """The next float32; above 0 the first that no device takes for 0."""
    tiny = jnp.finfo(jnp.float32).tiny
    return jnp.where(jnp.abs(x) < tiny, tiny, jnp.nextafter(x, jnp.float32(jnp.inf)))
