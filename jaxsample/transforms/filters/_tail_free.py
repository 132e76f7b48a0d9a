"""Tail-free sampling: the cut is where the sorted probabilities stop bending."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._threshold import from_ordered, to_ordered
from jaxsample.kernels._tree import BLOCK, block_sums, blocks, tree_sum
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import check_scalar

STRAIGHT = 1e-6  # less bend than this share of the whole fall is what rounding leaves of a line


@transform(kind="set")
class TailFree(Transform):
    """Keep the likeliest tokens up to where the curve of sorted probabilities has done its bending.

    With q sorted from the largest down, token i adds the bend `|q[i] - 2 q[i + 1] + q[i + 2]|`. Of
    the tokens in that order as many are kept as bends sum to at most z of all bends, and one more:
    systems that cut here keep one token fewer or more. So the last token always goes, unless the
    curve is straight, which keeps everything, as do fewer than three tokens. Tokens that are -inf
    are no part of the curve. Tokens tied with the last one kept stay too, so that position does not
    matter. z = 1 keeps everything, z < 0 the maxima. The gradient with respect to `z` is zero.

    This sorts the row, and costs far more than any other filter.

    Attributes:
        z: share of the bends, in [0, 1]; a leaf: may be traced, batched by `vmap`.

    Raises:
        ValueError: if `z` is a Python number outside [0, 1].

    Reference: Bricken, 2019, https://www.trentonbricken.com/Tail-Free-Sampling

    >>> TailFree(0.5)(jnp.log(jnp.array([0.5, 0.25, 0.15, 0.1]))) > -jnp.inf
    Array([ True, False, False, False], dtype=bool)
    """

    z: FloatLeaf = field(low=0.0, high=1.0)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        check_scalar(self.z)
        if row.size < 3:
            return row.keep(jnp.where(jnp.isnan(self.z), jnp.nan, -jnp.inf))
        top, z = lax.stop_gradient((row.max, self.z))
        # As whole numbers: XLA on the CPU sorts floats several times slower.
        ranked = from_ordered(~jnp.sort(~to_ordered(lax.stop_gradient(row.values))))
        kept = ranked > -jnp.inf
        weights = jnp.where(kept, jnp.exp(clamp_below(ranked, top)), 0.0)
        # Not differences of the weights: rounded one by one, those of a long row are all noise.
        gaps = jnp.where(kept[1:], clamp_below(ranked[1:], ranked[:-1]), 0.0)
        falls = -weights[:-1] * jnp.expm1(gaps)
        bends = jnp.where(kept[2:], jnp.abs(falls[:-1] - falls[1:]), 0.0)
        total = tree_sum(bends)
        cut = ranked[_leading(bends, z * total)]
        fall = tree_sum(jnp.where(kept[1:], falls, 0.0))
        off = (z >= 1) | (total <= STRAIGHT * fall)
        return row.keep(jnp.where(jnp.isnan(z), z, jnp.where(off, -jnp.inf, cut)))


def _leading(terms, mass):
    """How many of the terms (>= 0) sum to at most `mass`, taken from the first on."""
    parts = blocks(terms, 0.0)
    sums = jnp.cumsum(block_sums(parts))
    whole = jnp.sum(sums <= mass, dtype=jnp.int32)
    before = jnp.where(whole > 0, sums[whole - 1], 0.0)
    part = before + jnp.cumsum(parts[jnp.minimum(whole, parts.shape[0] - 1)])
    count = whole * BLOCK + jnp.sum(part <= mass, dtype=jnp.int32)
    return jnp.minimum(count, terms.shape[0])
