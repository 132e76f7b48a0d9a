"""Samplers with a setting for every row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._hyperparameters import Hyperparameters

S = TypeVar("S", bound=Hyperparameters)


def stack(samplers: Iterable[S]) -> S:
    """Stack samplers of one structure along a new first axis of every leaf.

    Use the result with `sampler_axes=0`. A row that does not need a transform gets its neutral
    value: `TopK(TopK.off)`, `TopP(1.0)`, `Temperature(1.0)`. Arrays of different sizes are padded
    if their class supports it, as `TokenAutomaton` does.

    Raises:
        ValueError: if there are no samplers, or their structures differ.

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
                "stack needs samplers of one structure; give a row that does not need a transform "
                f"its neutral value. Row 0 is {samplers[0]!r}, row {i} is {s!r}"
            )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *type(samplers[0]).alike(samplers))
