"""A temperature between two bounds, chosen by how much of its largest entropy a row has."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import entropy
from jaxsample.transforms.temperatures._temperature import HOTTEST


@transform(kind="order")
class DynamicTemperature(Transform):
    """Choose T = low + (high - low) * (H / ln n) ** exponent from the entropy of the row.

    H is in nats, over the row as it comes in, and n counts the tokens still kept: after a filter
    only those it left. A sure row gets `low`, n equal logits get `high`. Where n = 1 the share
    H / ln n counts as 0; the one token ends at 0 whatever T is. T = 0 is greedy, as for
    `Temperature`. Neutral: low = high = 1.

    Attributes:
        low: temperature of a row without entropy, >= 0; a leaf.
        high: temperature of a flat row, >= 0, also below `low`; a leaf.
        exponent: of the share, >= 0; a leaf that never trains.

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
        sure = share <= 0  # False for what a window does not know: its NaN must reach T
        safe = jnp.where(sure, 1.0, share)
        # An exponent below 1 has a slope without bound at 0; so sure a row is as good as sure.
        safe = jnp.where(safe > 1e-9, safe, lax.stop_gradient(safe))
        nothing = jnp.where(self.exponent > 0, 0.0, jnp.float32(1.0))
        power = jnp.where(sure, nothing, safe ** jnp.clip(self.exponent, 0.0, 1e6))
        low, high = (jnp.clip(t, -HOTTEST, HOTTEST) for t in (self.low, self.high))
        return row.divide(low + (high - low) * power)
