"""The trainable hyperparameters of a sampler as unconstrained numbers."""

from __future__ import annotations

from typing import Any

from jaxsample.learn._bounds import constrain, unconstrain
from jaxsample.learn._soften import soften
from jaxsample.transforms.contract._partition import combine, partition


def parameters(sampler: Any) -> Any:
    """Return the trainable leaves of a sampler, each mapped to the real line.

    Hard filters train as soft ones, so the tree has the shape of the softened sampler, with None
    for each leaf that does not train.
    """
    soft = soften(sampler, 1.0)
    return unconstrain(partition(soft)[0], soft)


def with_parameters(sampler: Any, raw: Any, sharpness: Any) -> Any:
    """Return the sampler with these parameters and with soft filters of this sharpness.

    Args:
        sampler: the sampler that `parameters` was called with.
        raw: a tree like the one that `parameters` returned.
        sharpness: see `soften`.
    """
    soft = soften(sampler, sharpness)
    return combine(constrain(raw, soft), partition(soft)[1])
