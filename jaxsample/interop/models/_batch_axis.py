"""A model whose cache has the batch behind other axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model


def batch_axis(model: Model, axis: Any) -> Model:
    """Move the batch of a model's cache to the front, where decoding needs it.

    A `lax.scan` over layers has caches such as `[layers, B, ..]`. Decoding repeats, gathers and
    replaces rows along the first axis. Inside the model the cache has its own order of axes.

    Args:
        model: a `Model` whose cache has the batch at `axis` of every leaf.
        axis: an int, or a tree of ints: the cache's own tree, or one that ends above its leaves.

    Raises:
        ValueError: if an axis is no int.

    >>> def init_cache(batch, max_length):  # [layers, B, positions]
    ...     return jnp.zeros((3, batch, max_length))
    >>> def apply(table, tokens, positions, cache):
    ...     return ModelOutput(table[tokens], None, cache)
    >>> batch_axis(Model(init_cache, apply), 1).init_cache(2, 5).shape
    (2, 3, 5)
    """
    leaves, structure = jax.tree.flatten(axis)
    if axis is None or any(type(leaf) is not int for leaf in leaves):
        raise ValueError(
            f"axis must be an int or a tree of ints, got {axis!r}: pass where the batch is in the "
            "cache, such as 1 for [layers, B, ..]"
        )
    axes = Axes(tuple(leaves), structure)
    return model._replace(
        init_cache=_MovedCache(model.init_cache, axes), apply=_Moved(model.apply, axes)
    )


@dataclasses.dataclass(frozen=True)
class Axes:
    """Where the batch is in each leaf of a cache, in a form that hashes."""

    leaves: tuple[int, ...]
    structure: Any

    def map(self, move: Callable, cache: Any) -> Any:
        """Apply `move(leaf, axis)` to every leaf of a cache."""
        axes = jax.tree.unflatten(self.structure, self.leaves)
        return jax.tree.map(lambda a, part: jax.tree.map(lambda x: move(x, a), part), axes, cache)

    def to_front(self, cache: Any) -> Any:
        return self.map(lambda x, axis: jnp.moveaxis(x, axis, 0), cache)

    def back(self, cache: Any) -> Any:
        return self.map(lambda x, axis: jnp.moveaxis(x, 0, axis), cache)


@dataclasses.dataclass(frozen=True)
class _MovedCache:
    init_cache: Callable
    axes: Axes

    def __call__(self, batch, max_length):
        return self.axes.to_front(self.init_cache(batch, max_length))


@dataclasses.dataclass(frozen=True)
class _Moved:
    apply: Callable
    axes: Axes

    def __call__(self, params, tokens, positions, cache):
        output = self.apply(params, tokens, positions, self.axes.back(cache))
        return output._replace(cache=self.axes.to_front(output.cache))
