"""Splitting a sampler into its trainable leaves and the rest, and joining them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._fields import Spec, spec_of
from jaxsample.transforms.contract._hyperparameters import Hyperparameters

S = TypeVar("S")


def partition(sampler: S, where: Callable[[tuple, Any], bool] | None = None) -> tuple[S, S]:
    """Split a sampler into its trainable leaves and the rest.

    Both results have the structure of the sampler. Each holds None where the other has the leaf.

    Args:
        sampler: a transform, or any tree of transforms.
        where: `(key path, leaf) -> bool`, whether a leaf is trainable. By default floating leaves
            are, except those whose field is declared fixed.

    Returns:
        `(trainable, rest)`, for `combine`.

    >>> trainable, rest = partition(chain(TopK(50), EntropyTemperature(1.0, 0.5)))
    >>> jax.tree.leaves(trainable)
    [np.float32(1.0), np.float32(0.5)]
    """

    def trains(path, leaf):
        if where is not None:
            return where(path, leaf)
        floating = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        return floating and not any(spec.fixed for spec in specs_along(sampler, path))

    def split(path, leaf):
        return (leaf, None) if trains(path, leaf) else (None, leaf)

    leaves, treedef = jax.tree_util.tree_flatten_with_path(sampler)
    pairs = [split(path, leaf) for path, leaf in leaves]
    trainable, rest = ([pair[i] for pair in pairs] for i in (0, 1))
    return treedef.unflatten(trainable), treedef.unflatten(rest)


def combine(trainable: S, rest: S) -> S:
    """Join the two trees that `partition` returned.

    >>> trainable, rest = partition(chain(Temperature(1.0), TopK(50)))
    >>> combine(jax.tree.map(lambda x: x / 2, trainable), rest)
    chain(Temperature(value=0.5), TopK(k=50))
    """
    return jax.tree.map(
        lambda a, b: b if a is None else a, trainable, rest, is_leaf=lambda x: x is None
    )


def specs_along(node: Any, path: tuple) -> Iterator[Spec]:
    """Yield the declaration of each field on a key path that starts at `node`."""
    for key in path:
        if isinstance(key, jax.tree_util.GetAttrKey):
            if not isinstance(node, Hyperparameters):
                return
            yield {f.name: spec_of(f) for f in dataclasses.fields(node)}[key.name]
            node = getattr(node, key.name)
        elif isinstance(key, jax.tree_util.SequenceKey):
            node = node[key.idx]
        elif isinstance(key, jax.tree_util.DictKey):
            node = node[key.key]
        else:
            return
