"""A temperature between two bounds, chosen by the normalised entropy of the row."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._moments import entropy
from jaxsample.transforms.temperatures._temperature import HOTTEST


@transform(kind="order")
class DynamicTemperature(Transform):
    """Choose T = low + (high - low) * (H / ln n) ** exponent from the entropy of the row.

    H is the entropy of the incoming row in nats, and n is the number of tokens that earlier filters
    kept. A row without entropy gets `low`, and n equal logits get `high`. If n = 1, the ratio
    H / ln n counts as 0. T = 0 is greedy, as for `Temperature`, and temperatures past 1e30 count as
    1e30. Neutral: low = high = 1.

    Attributes:
        low: temperature of a row without entropy, >= 0; a leaf.
        high: temperature of a flat row, >= 0, which may be below `low`; a leaf.
        exponent: exponent of the ratio, >= 0; a leaf that does not train.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: llama.cpp, 2024, https://github.com/ggml-org/llama.cpp/pull/4972

    >>> [round(float(l), 3) for l in DynamicTemperature(0.5, 2.0)(jnp.array([0.0, 2.0]))]
    [-1.55, 0.0]
    """

    low: FloatLeaf = field(low=0.0)
    high: FloatLeaf = field(low=0.0)
    exponent: FloatLeaf = field(default=1.0, low=0.0, high=1e6, fixed=True)

    def on(self, row, state=None, hidden=None):
        del state, hidden
        count = jnp.asarray(row.count).astype(jnp.float32)
        share = entropy(row) / jnp.log(jnp.maximum(count, 2.0))
        sure = share <= 0  # False for NaN, so that it reaches T and the row becomes invalid
        safe = jnp.where(sure, 1.0, share)
        # For an exponent below 1 the slope is infinite at 0. Stop it where H is practically 0.
        safe = jnp.where(safe > 1e-9, safe, lax.stop_gradient(safe))
        nothing = jnp.where(self.exponent > 0, 0.0, jnp.float32(1.0))
        power = jnp.where(sure, nothing, safe ** jnp.clip(self.exponent, 0.0, 1e6))
        low, high = (jnp.clip(t, -HOTTEST, HOTTEST) for t in (self.low, self.high))
        return row.divide(low + (high - low) * power)
