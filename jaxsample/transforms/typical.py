"""Locally typical sampling: tokens about as surprising as the row is on average."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.kernels.threshold import value_at_mass
from jaxsample.kernels.tree import tree_sums
from jaxsample.kernels.validity import clamp_below
from jaxsample.transforms.base import Transform, transform
from jaxsample.transforms.fields import field
from jaxsample.transforms.row import check_scalar, weighed


@transform(kind="set")
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

    p: float = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        check_scalar(self.p)
        values, top, p = lax.stop_gradient((row.values, row.max, self.p))
        below = clamp_below(values, top)
        # The barrier makes XLA take each exponential once.
        weights = lax.optimization_barrier(weighed(jnp.exp, values, top))
        mass, moment = tree_sums(weights, weights * below)
        # As much below the maximum lies a token of just the row's entropy: -log q - H is mean - d.
        mean = moment / mass
        nearness = jnp.where(row.kept, -jnp.abs(below - mean), -jnp.inf)
        found = value_at_mass(
            nearness,
            weights,
            lambda near: jnp.exp(mean + near),
            jnp.where(p >= 1, 0.0, p) * mass,
            mass,
            jnp.max(nearness),
        )
        return row.only((p >= 1) | (nearness >= found), ~jnp.isnan(found))
