"""One sampler out of many: a setting per row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._hyperparameters import Hyperparameters

S = TypeVar("S", bound=Hyperparameters)


def stack(samplers: Iterable[S]) -> S:
    """Stack samplers of one structure along a new first axis of every leaf.

    The result is the per-row sampler that `sampler_axes=0` stands for. Rows mix settings through
    neutral values: `TopK(TopK.off)`, `TopP(1.0)`, `Temperature(1.0)`. Arrays of different sizes
    are padded where their class says how, in `alike`.

    Raises:
        ValueError: if there are none, or their structures differ.

    >>> stack([TopP(0.5), TopP(0.75)])
    TopP(p=[0.5, 0.75])
    """
    samplers = list(samplers)
    if not samplers:
        raise ValueError("stack needs at least one sampler")
    first = jax.tree.structure(samplers[0])
    for i, s in enumerate(samplers):
        if jax.tree.structure(s) != first:
            raise ValueError(
                "stack needs samplers of one structure; give a row that lacks a transform its "
                f"neutral value. Row 0 is {samplers[0]!r}, row {i} is {s!r}"
            )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *type(samplers[0]).alike(samplers))
