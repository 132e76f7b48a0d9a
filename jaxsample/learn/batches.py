"""Which examples a step sees."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.kernels.noise import fold_in
from jaxsample.learn.examples import Examples


def order(key: jax.Array, step: int, size: int, count: int) -> np.ndarray:
    """Return the indices of a step's examples: an epoch passes over all once, in its own order."""
    per_epoch = count // size
    epoch, at = divmod(step, per_epoch)
    shuffled = np.asarray(jax.random.permutation(fold_in(fold_in(key, 2**30), epoch), count))
    return np.sort(shuffled[at * size : (at + 1) * size])


@functools.partial(jax.jit, static_argnums=0)
def stream(draw: Callable[[jax.Array], Examples], key: jax.Array) -> Examples:
    """Draw a fresh batch."""
    return draw(key).checked()


def parts(batch: Any, count: int) -> Iterator[Any]:
    """Yield a batch, which may lie on disk, in equal parts, each read when its turn comes."""
    size = len(batch.tokens) // count
    for start in range(0, size * count, size):
        yield jax.tree.map(jnp.asarray, batch[start : start + size])
