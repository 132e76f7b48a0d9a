"""Locally typical sampling."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="set")
class Typical(Transform):
    """Keep the tokens whose surprise -log q is nearest to the entropy, up to a mass of p.

    A token stays if the mass of the tokens strictly nearer to the entropy is less than p. Tokens at
    equal distances are kept or dropped together. The likeliest token may be dropped. Tokens at -inf
    do not count. p = 1 keeps everything, and p <= 0 keeps the nearest tokens. The gradient with
    respect to `p` is zero.

    Attributes:
        p: the probability mass to keep, in [0, 1]; a leaf.

    Raises:
        ValueError: if `p` is a Python number outside [0, 1].

    Reference: Meister et al., 2022, https://arxiv.org/abs/2202.00666

    >>> Typical(0.4)(jnp.log(jnp.array([0.4, 0.3, 0.2, 0.1]))) > -jnp.inf
    Array([False,  True,  True, False], dtype=bool)
    """

    p: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        mass, moment = row.sum(jnp.exp, lambda d: jnp.exp(d) * d)
        # -log q - H equals mean - d, so a token with d = mean has the entropy as its surprise.
        return row.keep_nearest(moment / mass, self.p, mass)
