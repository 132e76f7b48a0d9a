"""A preference for tokens of a given probability."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.rows._values import weighed

PEAK, SHARPNESS, WIDTH = 5.0, 10.0, 0.3


@transform(kind="set")
class AdaptiveP(Transform):
    """Prefer tokens whose probability is near an aim: l' = 5 - 10 d^2 / (1 + d).

    d = `|p - aim|` / 0.3, where p is the probability in the incoming row. The aim is
    2 * target - m, clipped to [0, 1], where m is a running mean of the probabilities of the drawn
    tokens. So the mean moves towards `target`, where it starts. Equal logits stay equal, and no
    token is dropped. The result replaces the logits, so put this transform last in a chain.
    Neutral: any negative target.

    The state is m.

    Attributes:
        target: probability to aim at, in [0, 1], or -1 for off; a leaf.
        decay: share of m that stays after each token, in [0, 1]; a leaf that does not train.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: llama.cpp, 2025, https://github.com/ggml-org/llama.cpp/pull/17927

    >>> [round(float(l), 4) for l in AdaptiveP(0.3)(jnp.log(jnp.array([0.5, 0.25, 0.25])))]
    [2.3333, 4.7619, 4.7619]
    """

    target: FloatLeaf = field(low=-1.0, high=1.0)
    decay: FloatLeaf = field(default=0.9, low=0.0, high=1.0, fixed=True)

    def init(self, key, prompt):
        del key, prompt
        return jnp.clip(jnp.asarray(self.target, jnp.float32), 0.0, 1.0)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        row = Row.of(logits)
        aim = jnp.clip(2.0 * jnp.minimum(self.target, 1.0) - state, 0.0, 1.0)
        d = jnp.abs(_probs(row) - aim) / WIDTH
        near = PEAK - SHARPNESS * d * d / (1.0 + d)
        return jnp.where(self.target < 0, row.values, near)

    def update(self, state, logits, token, hidden=None):
        del hidden
        decay = jnp.clip(self.decay, 0.0, 1.0)
        return decay * self._state(state) + (1.0 - decay) * _probs(Row.of(logits))[token]


def _probs(row):
    return weighed(jnp.exp, row.values, row.max) / row.sum(jnp.exp)
