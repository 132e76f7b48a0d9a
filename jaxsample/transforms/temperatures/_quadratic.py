"""A curve that flattens the largest logits and lowers the tail."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import Row


@transform(kind="set")
class Quadratic(Transform):
    """Bend the logits: l' = -k f d^2 + s f d^3 + max l, with d = l - max l ("smoothing").

    f is `factor`, k = (3 - curve) / 2 and s = (curve - 1) / 2. Up to a curve of 3 the order of
    tokens does not change. Above 3, tokens slightly below the maximum may pass it. A token whose
    result overflows float32 is dropped. Neutral: factor <= 0 turns the transform off, although
    the formula would make every logit equal at 0.

    Attributes:
        factor: strength, >= 0; a leaf.
        curve: >= 1. 1 is a parabola, and larger values lower the tail faster; a leaf.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: kalomaze, 2024, https://github.com/oobabooga/textgen/pull/5551

    >>> Quadratic(0.5)(jnp.array([0.0, 3.0, 1.0]))
    Array([-1.5,  3. ,  1. ], dtype=float32)
    """

    factor: FloatLeaf = field(low=0.0, high=1e6)
    curve: FloatLeaf = field(default=1.0, low=1.0, high=1e6)

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        row = Row.of(logits)
        factor, curve = (jnp.clip(x, -1e6, 1e6) for x in (self.factor, self.curve))

        def fall(gap):
            bend = (3.0 - curve) / 2.0 + (curve - 1.0) / 2.0 * gap
            return factor * gap * gap * bend

        gap = -clamp_below(row.values, row.max)
        # Tokens this far below have no mass, but the cube overflows and the slope is infinite.
        far = gap > 1e9
        falls = jnp.where(far, lax.stop_gradient(fall(gap)), fall(jnp.where(far, 0.0, gap)))
        return jnp.where(factor > 0, row.max - falls, row.values)
