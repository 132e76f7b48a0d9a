"""A temperature for each class of tokens."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf, IntLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.temperatures._temperature import Temperature


@transform(kind="order")
class ClassTemperature(Transform):
    """Divide by the temperature of the class of the previous token (AdapT, generalised).

    Classes may be, for example, line breaks in code, digits, and opening quotes, after which the
    next token is more or less predictable. The first token follows the last token of the prompt;
    without a prompt it follows a token of class 0. A class outside 0 .. C - 1 counts as the nearest
    class inside. Neutral: all temperatures 1, up to the shift by the maximum.

    The state is the class of the previous token.

    Attributes:
        temperatures: `[C]`, >= 0; 0 is greedy; a leaf.
        classes: `[V]`, the class of each token; a leaf.

    Raises:
        ValueError: if a listed temperature is negative, if the temperatures are not one row, or if
            `classes` does not have one entry for each token.

    Reference: Zhu et al., 2023, https://arxiv.org/abs/2309.02772

    >>> warm_after_2 = ClassTemperature([0.5, 2.0], [0, 0, 1])
    >>> warm_after_2(jnp.array([0.0, 3.0, 1.0]))
    Array([-6.,  0., -4.], dtype=float32)
    >>> state = warm_after_2.update(None, jnp.array([0.0, 3.0, 1.0]), 2)
    >>> warm_after_2(jnp.array([0.0, 3.0, 1.0]), state)
    Array([-1.5,  0. , -1. ], dtype=float32)
    """

    temperatures: FloatLeaf = field(low=0.0)
    classes: IntLeaf = field()

    def __post_init__(self):
        if isinstance(self.temperatures, list | tuple):
            for t in self.temperatures:
                Temperature(t)  # checks the range
        super().__post_init__()

    def init(self, key, prompt):
        del key
        return jnp.int32(0) if prompt is None else self._class(prompt.tokens[prompt.length - 1])

    def on(self, row, state=None, hidden=None):
        del hidden
        shapes = jnp.shape(self.temperatures), jnp.shape(self.classes)
        if len(shapes[0]) != 1 or not shapes[0][0] or shapes[1] != (row.size,):
            raise ValueError(
                f"ClassTemperature needs temperatures [C] and one class for each of {row.size} "
                f"tokens, got {list(shapes[0])} and {list(shapes[1])}; for a setting per row use "
                "jax.vmap over the sampler, or sampler_axes=0"
            )
        return row.divide(jnp.take(self.temperatures, self._state(state), mode="clip"))

    def after(self, row, state, token, hidden=None):
        del row, state, hidden
        return self._class(token)

    def _class(self, token):
        return jnp.take(self.classes, token, mode="clip").astype(jnp.int32)
