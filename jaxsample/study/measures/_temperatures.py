"""The temperature that a sampler used at every token of a text."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxsample.decode._model import Model
from jaxsample.learn._examples import Examples
from jaxsample.learn._likelihood import observe_examples
from jaxsample.study.draw._source import Source
from jaxsample.transforms.contract._transform import Transform

BUCKET = 64  # lengths are rounded up to a multiple, so that few programs serve all texts


def temperatures(
    source: Source,
    sampler: Transform,
    prompts: Sequence[Sequence[int]],
    texts: Sequence[Sequence[int]],
) -> list[np.ndarray]:
    """Return for each text the temperature `[length]` of the sampler before each token.

    The model reads each text again. The temperature is the gap between the two largest logits over
    the same gap after the sampler. It is NaN where the sampler kept only one of the two.

    Args:
        source: the model with its tokenizer.
        sampler: any transform that needs no key.
        prompts, texts: the token ids of N prompts and of the texts drawn after them.

    Raises:
        ValueError: if a text does not fit the model's context.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> story = source.encode("A funny story. Once upon a time there was a girl named Lily.")
    >>> found, = temperatures(source, Temperature(0.5), [story[:2]], [story[2:5]])
    >>> [round(float(t), 2) for t in found]
    [0.5, 0.5, 0.5]
    """
    longest = max(len(p) + len(t) for p, t in zip(prompts, texts, strict=True))
    if longest > source.context:
        raise ValueError(f"a text of {longest} tokens does not fit {source.context} positions")
    examples = Examples(
        _padded(texts),
        np.asarray([len(text) for text in texts], np.int32),
        _padded(prompts),
        np.asarray([len(prompt) for prompt in prompts], np.int32),
    ).checked()
    model, params = source.checkpoint.model, source.checkpoint.params
    found = np.asarray(_seen(model, params, sampler, examples))
    return [row[: len(text)] for row, text in zip(found, texts, strict=True)]


@functools.partial(jax.jit, static_argnums=0)
def _seen(model: Model, params: Any, sampler: Transform, examples: Examples) -> jax.Array:
    return observe_examples(sampler, examples, model, params).temperature


def _padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    width = -(-max(1, *map(len, rows)) // BUCKET) * BUCKET
    tokens = np.zeros((len(rows), width), np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    return tokens
