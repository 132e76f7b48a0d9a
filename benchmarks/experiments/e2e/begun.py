"""A model that has read the common beginning of all prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample import Model, read_common


def begun(
    model: Model, params: Any, prompts: Sequence[Sequence[int]], max_length: int
) -> tuple[Model, list[list[int]]]:
    """Return a model that has read the common beginning of all prompts, and their other tokens.

    Each row of the new model's cache begins with what was read, so that training reads no example
    again. Its position 0 is the first one that was not read. Every cache has `max_length`
    positions.
    """
    common = read_common(model, params, prompts, max_length=max_length)
    if common is None:
        return model, [list(prompt) for prompt in prompts]
    read = int(common.position[0])
    read -= any(len(prompt) == read for prompt in prompts)  # a prompt keeps one token at least

    def init_cache(batch: int, length: int) -> Any:
        if read + length > max_length:
            raise ValueError(f"{read} + {length} positions do not fit into {max_length}")
        return jax.tree.map(lambda x: jnp.repeat(x, batch, axis=0), common.cache)

    def apply(params: Any, tokens: jax.Array, positions: jax.Array, cache: Any) -> Any:
        return model.apply(params, tokens, jnp.where(positions < 0, -1, positions + read), cache)

    rest = [list(prompt[read:]) for prompt in prompts]
    return model._replace(init_cache=init_cache, apply=apply), rest
