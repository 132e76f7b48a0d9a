"""Which examples a step sees."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.kernels._noise import fold_in
from jaxsample.learn._examples import Examples


def order(key: jax.Array, step: int, size: int, count: int) -> np.ndarray:
    """Return the indices of a step's examples: an epoch is all in a new order, in whole batches."""
    per_epoch = count // size
    epoch, at = divmod(step, per_epoch)
    shuffled = np.asarray(jax.random.permutation(fold_in(fold_in(key, 2**30), epoch), count))
    return np.sort(shuffled[at * size : (at + 1) * size])


@functools.partial(jax.jit, static_argnums=0)
def fresh_batch(draw: Callable[[jax.Array], Examples], key: jax.Array) -> Examples:
    """Draw a fresh batch."""
    return draw(key).checked()


def parts(data: Any, indices: np.ndarray | None, count: int) -> Iterator[Any]:
    """Yield the examples at `indices`, which may lie on disk, in equal parts, read one by one.

    Args:
        data: examples.
        indices: which, ascending or not; None takes them all as they lie, and copies none.
        count: of parts.

    Raises:
        ValueError: if they cannot be parted equally.
    """
    size = len(data.tokens) if indices is None else len(indices)
    if size % count:
        raise ValueError(f"a batch of {size} cannot be parted into {count} microbatches")
    size //= count
    for i in range(count):
        some = slice(i * size, (i + 1) * size)
        whole = indices is None and count == 1
        part = data if whole else data[some if indices is None else indices[some]]
        yield jax.tree.map(jnp.asarray, part)
