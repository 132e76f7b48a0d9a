"""The examples of each step, in microbatches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxsample.kernels._auto_axes import alike, in_auto
from jaxsample.kernels._noise import fold_in
from jaxsample.learn._examples import Examples
from jaxsample.learn._preferences import Pairs

EPOCHS = 2**30  # folded into the key of the order of examples; a step's key gets smaller numbers


def batches(
    data: Any, key: jax.Array, size: int, microbatches: int
) -> Callable[[int], Iterator[Any]]:
    """Return a function from the number of a step to its examples, in equal parts.

    Args:
        data: checked examples, or a jittable function `key -> examples`.
        key: a threefry key.
        size: examples per step, if `data` are examples.
        microbatches: parts per step.
    """

    def drawn(step):
        return parts(fresh_batch(data, step_key(key, step)), None, microbatches)

    def picked(step):
        return parts(data, order(key, step, size, len(data.tokens)), microbatches)

    return picked if isinstance(data, Examples | Pairs) else drawn


def step_key(key: jax.Array, step: int) -> jax.Array:
    """Return the key of one step."""
    return _folded(key, jax.device_put(np.uint32(step)))


def order(key: jax.Array, step: int, size: int, count: int) -> np.ndarray:
    """Return the indices of a step's examples; each epoch visits them in a new order.

    The examples that do not fill a whole batch are left out of the epoch.
    """
    epoch, at = divmod(step, count // size)
    shuffled = _shuffled(step_key(step_key(key, EPOCHS), epoch), count)
    return np.sort(jax.device_get(shuffled)[at * size : (at + 1) * size])


def parts(data: Any, indices: np.ndarray | None, count: int) -> Iterator[Any]:
    """Yield the examples at `indices` in equal parts, on the device.

    Arrays on disk are read one part at a time.

    Args:
        data: examples.
        indices: which examples; None takes all of them in order.
        count: the number of parts.

    Raises:
        ValueError: if the examples cannot be split into equal parts.
    """
    size = len(data.tokens) if indices is None else len(indices)
    if size % count:
        raise ValueError(f"a batch of {size} cannot be split into {count} equal microbatches")
    if indices is None and count == 1:
        yield jax.device_put(data)
        return
    for some in np.split(np.arange(size) if indices is None else indices, count):
        yield jax.tree.map(lambda x, some=some: _taken(x, some), data)


@functools.partial(jax.jit, static_argnums=0)
def fresh_batch(draw: Callable[[jax.Array], Any], key: jax.Array) -> Any:
    """Draw a batch and check it."""
    return draw(key).checked()


_folded = jax.jit(fold_in)


_shuffled = jax.jit(jax.random.permutation, static_argnums=1)


@jax.jit
@functools.partial(in_auto, specs=alike)
def _rows(x, indices):
    return x[indices]


def _taken(x, indices):
    if isinstance(x, jax.Array):
        return _rows(x, jax.device_put(indices))
    return jax.device_put(x[indices])
