"""Locally typical sampling: tokens about as surprising as the row is on average."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="set", windowed=True)
class Typical(Transform):
    """Keep a mass p of the tokens whose surprise -log q lies nearest to the entropy.

    A token stays while the mass of the tokens strictly nearer to the entropy is less than p: the
    one that reaches it stays, and tokens equally far live or die together. The likeliest token may
    go. Tokens that are -inf count for nothing, here and in the entropy. p = 1 keeps everything,
    p <= 0 the nearest tokens. The gradient with respect to `p` is zero.

    Attributes:
        p: probability mass to keep, in [0, 1]; a leaf: may be traced, batched by `vmap`.

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
        # As much below the maximum lies a token of just the row's entropy: -log q - H is mean - d.
        return row.keep_nearest(moment / mass, self.p, mass)
