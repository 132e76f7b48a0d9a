"""A temperature of its own for each distance from the likeliest token."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsample.kernels._per_row import once
from jaxsample.kernels._validity import LOWEST
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform

KNOTS = 1.0, 2.0, 4.0, 8.0
STEEPEST = 1e6  # a steeper slope counts as this one
FARTHEST = 1e30  # a knot that is farther counts as this one


@transform(kind="order")
class Reshape(Transform):
    """Map d = l - max l by a line that bends at knots and never falls.

    The first slope holds from the maximum down to the first knot, each next slope to the next knot,
    and the last slope for all tokens below. A slope is 1 / T for the tokens of its segment. So
    equal slopes are `Temperature`, and a last slope of 1000 is nearly a cut at the last knot, as
    `MinP` makes it. Equal logits stay equal, none passes another, and no token is dropped: a result
    below the range of float32 counts as the lowest float32. A slope of 0 makes all logits of its
    segment equal. Slopes above 1e6 count as 1e6, and a traced knot below the one before it counts
    as that one. The gradient in every slope and knot is defined everywhere, from the right at a
    slope of 0. Neutral: all slopes 1, up to the shift by the maximum.

    Attributes:
        slopes: `[N + 1]`, >= 0, from the maximum downwards.
        knots: `[N]`, distances from the maximum in nats, > 0 and increasing.

    Raises:
        ValueError: if a listed slope is negative, if listed knots do not increase from above 0, or
            if the slopes are not one row with one number more than there are knots.

    Reference: this library. It generalises the temperature and the top-p that a network chooses for
    each token in Wang et al., 2025, https://arxiv.org/abs/2510.26697

    >>> Reshape([1.0, 2.0], knots=[1.5])(jnp.array([0.0, 3.0, 2.0, 1.0]))
    Array([-4.5,  0. , -1. , -2.5], dtype=float32)
    """

    slopes: FloatLeaf = field(low=0.0)
    knots: FloatLeaf = field(default=KNOTS, low=0.0)

    def __post_init__(self):
        for slope in _listed(self.slopes):
            if not slope >= 0:
                raise ValueError(f"Reshape: slopes must be >= 0, got {slope!r}")
        knots = _listed(self.knots)
        if not all(a < b < math.inf for a, b in itertools.pairwise((0.0, *knots))):
            raise ValueError(
                f"Reshape: knots must be finite and increase from above 0, got {self.knots!r}"
            )
        super().__post_init__()

    def on(self, row, state=None, hidden=None):
        del state, hidden
        slopes, knots = (jnp.asarray(x, jnp.float32) for x in (self.slopes, self.knots))
        if knots.ndim != 1 or slopes.shape != (knots.size + 1,):
            raise ValueError(
                "Reshape needs knots [N] and slopes [N + 1], got shapes "
                f"{list(knots.shape)} and {list(slopes.shape)}; for numbers per row use jax.vmap "
                "over the sampler, or sampler_axes=0"
            )
        known = ~(jnp.any(jnp.isnan(slopes)) | jnp.any(jnp.isnan(knots)))
        return row.bend(_curve(slopes, knots), known)


def _listed(numbers):
    """Return the numbers of a list, or nothing if some are not known yet."""
    if not isinstance(numbers, list | tuple | np.ndarray):
        return ()
    plain = all(isinstance(x, int | float | np.number) for x in numbers)
    return tuple(numbers) if plain else ()


def _curve(slopes, knots):
    """Return the map of d = l - max l, which is non-decreasing in float32."""
    # Unlike those of `clip`, these selections have a derivative of 1 at 0.
    slopes = jnp.where(slopes >= 0, slopes, 0.0)
    slopes = once(jnp.where(slopes <= STEEPEST, slopes, STEEPEST))
    knots = once(jnp.where(knots <= FARTHEST, knots, FARTHEST))
    last, shift, highest = jnp.float32(0), jnp.float32(0), jnp.float32(0)
    segments = []  # each begins below its knot, as a line that does not rise above a bound
    for i in range(knots.size):
        knot = once(jnp.where(knots[i] > last, knots[i], last))
        end = _times(slopes[i], -knot) + shift
        highest = once(jnp.minimum(highest, lax.stop_gradient(end)))
        shift = once(shift + _times(slopes[i + 1] - slopes[i], knot))
        segments.append((knot, slopes[i + 1], shift, highest))
        last = knot

    def curve(d):
        out = _times(slopes[0], d)
        for knot, slope, shift, highest in segments:
            line = _times(slope, d) + shift
            # Rounding may lift a line above its upper end. It stops there; its derivative is kept.
            line = jnp.where(line > highest, highest + (line - lax.stop_gradient(line)), line)
            out = jnp.where(d < -knot, line, out)
        return out

    return curve


def _times(x: jax.Array, y: jax.Array | float) -> jax.Array:
    """Multiply. The bound keeps the result finite, and no compiler fuses it with a sum.

    A fused sum rounds once instead of twice, so that two paths would not have the same bits.
    """
    return jnp.maximum(x * y, LOWEST)
