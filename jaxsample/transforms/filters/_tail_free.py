"""Tail-free sampling."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._blocks import BLOCK, block_sums, blocks, tree_sum
from jaxsample.kernels._float_bits import ordered, unordered
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._values import check_scalar

STRAIGHT = 1e-6  # if the bends are a smaller share of the total fall, the curve is straight


@transform(kind="set")
class TailFree(Transform):
    """Keep the likeliest tokens, up to a share of the second differences of sorted probabilities.

    With q in descending order, the bend of token i is `|q[i] - 2 q[i + 1] + q[i + 2]|`. The first n
    tokens and one more are kept, where n is the largest number of bends that sum to at most z times
    the sum of all bends. Other systems keep one token more or fewer. The last token is always
    dropped, unless the curve is straight or there are fewer than three tokens; then everything is
    kept. Tokens at -inf do not count. Tokens tied with the last kept token stay. z = 1 keeps
    everything, and z < 0 keeps the maxima. The gradient with respect to `z` is zero.

    This filter sorts the row and is therefore much slower than the other filters.

    Attributes:
        z: the share of the bends, in [0, 1]; a leaf.

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
        # XLA on the CPU sorts integers several times faster than floats.
        ranked = unordered(~jnp.sort(~ordered(lax.stop_gradient(row.values))))
        kept = ranked > -jnp.inf
        weights = jnp.where(kept, jnp.exp(clamp_below(ranked, top)), 0.0)
        # Use expm1 of the gaps: for a long row, differences of rounded weights would be noise.
        gaps = jnp.where(kept[1:], clamp_below(ranked[1:], ranked[:-1]), 0.0)
        falls = -weights[:-1] * jnp.expm1(gaps)
        bends = jnp.where(kept[2:], jnp.abs(falls[:-1] - falls[1:]), 0.0)
        total = tree_sum(bends)
        cut = ranked[_leading(bends, z * total)]
        fall = tree_sum(jnp.where(kept[1:], falls, 0.0))
        off = (z >= 1) | (total <= STRAIGHT * fall)
        return row.keep(jnp.where(jnp.isnan(z), z, jnp.where(off, -jnp.inf, cut)))


def _leading(terms, mass):
    """Return the largest n such that the first n terms (>= 0) sum to at most `mass`."""
    parts = blocks(terms, 0.0)
    sums = jnp.cumsum(block_sums(parts))
    whole = jnp.sum(sums <= mass, dtype=jnp.int32)
    before = jnp.where(whole > 0, sums[whole - 1], 0.0)
    part = before + jnp.cumsum(parts[jnp.minimum(whole, parts.shape[0] - 1)])
    count = whole * BLOCK + jnp.sum(part <= mass, dtype=jnp.int32)
    return jnp.minimum(count, terms.shape[0])
