"""The types of a transformer's results on meshes with Explicit axes.

There the sharding of an array is part of its type. The model itself is written for Auto axes.
"""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import PartitionSpec

from jaxsample import ModelOutput


def of_output(params, tokens: jax.Array, positions: jax.Array, cache) -> ModelOutput:
    """Return the specs of what `apply` returns: rows as in `tokens`, heads as in the parameters."""
    rows: Any = PartitionSpec(_spec(tokens)[0])

    def of_layer(weights, layer):
        if layer is None:  # it reads the keys of another
            return None
        if "convolution" in weights:
            return rows
        by_heads = (
            weights["attention"]["key"] if "attention" in weights else weights["delta"]["gate"]
        )
        heads = PartitionSpec(*rows, _spec(by_heads["kernel"])[1])
        return jax.tree.map(lambda x: heads if x.ndim == 4 else rows, layer)

    kept = (of_layer(params["layers"][str(i)], layer) for i, layer in enumerate(cache))
    return ModelOutput(None, rows, tuple(kept))


def of_logits(params, hidden: jax.Array) -> PartitionSpec:
    """Return the spec of logits: rows as in `hidden`, the vocabulary as in the parameters."""
    if "head" in params:
        vocabulary = _spec(params["head"]["kernel"])[1]
    else:
        vocabulary = _spec(params["embed"])[0]
    return PartitionSpec(*_spec(hidden)[:-1], vocabulary)


def _spec(x: jax.Array) -> PartitionSpec:
    return jax.typeof(x).sharding.spec
