"""A temperature of its own for each distance from the most likely token."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

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


@transform(kind="order")
class Reshape(Transform):
    """Map d = l - max l by a line that bends at fixed knots and never falls.

    The first slope holds from the maximum down to the first knot, each next slope to the next knot,
    and the last slope for all tokens below. A slope is 1 / T for the tokens of its segment. So
    equal slopes are `Temperature`, and a last slope of 1000 is nearly a cut, as `MinP` makes it.
    Equal logits stay equal, none passes another, and no token is dropped: a result below the range
    of float32 counts as the lowest float32. A slope of 0 makes all logits of its segment equal.
    Slopes past 1e6 count as 1e6. The gradient in every slope is defined everywhere, from the right
    at 0. Neutral: all slopes 1, up to the shift by the maximum.

    Attributes:
        slopes: `[len(knots) + 1]`, >= 0, from the maximum downwards; a leaf.
        knots: distances from the maximum in nats, > 0 and increasing; static.

    Raises:
        ValueError: if a listed slope is negative, if the knots do not increase from above 0, or if
            the slopes are not one row with one number more than there are knots.

    Reference: this library; a general form of the temperature and the top-p that a network chooses
    for every token in Wang et al., 2025, https://arxiv.org/abs/2510.26697

    >>> Reshape([1.0, 2.0], knots=[1.5])(jnp.array([0.0, 3.0, 2.0, 1.0]))
    Array([-4.5,  0. , -1. , -2.5], dtype=float32)
    """

    slopes: FloatLeaf = field(low=0.0)
    knots: Sequence[float] = field(default=KNOTS, static=True)

    def __post_init__(self):
        if isinstance(self.slopes, list | tuple):
            for slope in self.slopes:
                if isinstance(slope, int | float | np.number) and not slope >= 0:
                    raise ValueError(f"Reshape: slopes must be >= 0, got {slope!r}")
        knots = tuple(map(float, self.knots))
        if not all(a < b < math.inf for a, b in itertools.pairwise((0.0, *knots))):
            raise ValueError(
                f"Reshape: knots must be finite and increase from above 0, got {self.knots!r}"
            )
        object.__setattr__(self, "knots", knots)
        super().__post_init__()

    def on(self, row, state=None, hidden=None):
        del state, hidden
        slopes, need = jnp.asarray(self.slopes, jnp.float32), len(self.knots) + 1
        if jnp.shape(slopes) != (need,):
            raise ValueError(
                f"Reshape with {need - 1} knots needs {need} slopes, got shape "
                f"{list(jnp.shape(slopes))}; for slopes per row use jax.vmap over the sampler, or "
                "sampler_axes=0"
            )
        return row.bend(_curve(slopes, self.knots), ~jnp.any(jnp.isnan(slopes)))


def _curve(slopes, knots):
    """Return the map of d = l - max l; it never falls from one float32 to the next."""
    # Unlike those of `clip`, these selections have a derivative of 1 at 0.
    slopes = jnp.where(slopes >= 0, slopes, 0.0)
    slopes = once(jnp.where(slopes <= STEEPEST, slopes, STEEPEST))
    lines = [(slopes[0], jnp.float32(0))]
    ends = []  # the values at the knots
    for knot, slope in zip(knots, slopes[1:], strict=True):
        before, shift = lines[-1]
        ends.append(once(_times(before, -knot) + shift))
        lines.append((slope, once(shift + _times(slope - before, knot))))

    def curve(d):
        out = _times(slopes[0], d)
        for knot, end, (slope, shift) in zip(knots, ends, lines[1:], strict=True):
            line = _times(slope, d) + shift
            # A line that rounding lifts above its upper end stops there, with its own derivative.
            line = jnp.where(line > end, end + (line - lax.stop_gradient(line)), line)
            out = jnp.where(d < -knot, line, out)
        return out

    return curve


def _times(x: jax.Array, y: jax.Array | float) -> jax.Array:
    """Multiply. The bound keeps the result finite, and compilers from fusing it with a sum.

    A fused sum rounds once instead of twice, so that two paths would not have the same bits.
    """
    return jnp.maximum(x * y, LOWEST)
