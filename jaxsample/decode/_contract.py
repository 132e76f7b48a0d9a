"""Refusals before a model runs: no `Model`, and a cache without the batch in front."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxsample.decode._model import Model


def streams_of(model: Any) -> int:
    """Return the number of streams of a model.

    Raises:
        ValueError: if it is no `Model`, or one whose functions do not hash.
    """
    if not isinstance(model, Model):
        kind = "a function" if callable(model) else type(model).__name__
        raise ValueError(
            f"model must be a jaxsample.Model, got {kind}: make one of a forward pass by "
            "jaxsample.interop.without_cache, or of a flax module by from_nnx or from_linen"
        )
    for name, function in model._asdict().items():
        try:
            hash(function)
        except TypeError as error:
            raise ValueError(
                f"Model.{name} must hash, because it is static under jit ({error}): define it as "
                "a function at module level, and pass arrays as params"
            ) from None
    return model.streams


def empty_cache(model: Model, batch: int, max_length: int) -> Any:
    """Make the cache of `batch` rows.

    Raises:
        ValueError: if the first axis of a leaf is not the batch.
    """
    cache = model.init_cache(batch, max_length)
    # Other axes may be as long as the batch, so ask which one grows with it.
    twice = jax.tree.leaves(jax.eval_shape(lambda: model.init_cache(2 * batch, max_length)))
    leaves = jax.tree_util.tree_leaves_with_path(cache)
    for (path, leaf), other in zip(leaves, twice, strict=False):
        shape = np.shape(leaf)
        pairs = enumerate(zip(shape, other.shape, strict=False))
        grown = [axis for axis, (length, longer) in pairs if longer == 2 * length > 0]
        if grown != [0] or shape[0] != batch:
            raise ValueError(
                f"cache{jax.tree_util.keystr(path)} has shape {list(shape)} for {batch} rows; "
                f"{_remedy(grown)}"
            )
    return cache


def _remedy(grown):
    if grown and grown[0]:
        return f"the batch must be axis 0: jaxsample.interop.batch_axis(model, {grown[0]}) moves it"
    return (
        "axis 0 of every leaf must be the batch: jaxsample.interop.one_row gives each row a cache "
        "of its own, or one_token for a state that reads token by token"
    )
