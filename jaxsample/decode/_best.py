"""The best of several texts of every prompt."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxsample.decode._arguments import as_array, on_device
from jaxsample.kernels._auto_axes import alike, in_auto

T = TypeVar("T", bound=tuple)


def best(texts: T, scores: ArrayLike) -> T:
    """Take the text with the highest score of every prompt.

    Args:
        texts: the result of `generate`, `speculate`, `beam`, `sample_without_replacement` or
            `sample_evenly`, with G texts for each prompt, `[B, G, ..]`.
        scores: `[B, G]`, any numbers. NaN counts as the lowest; of equal scores the first wins.

    Returns:
        The same tuple with `[B, ..]`; its `decoding`, if it has one, has B rows.

    Raises:
        ValueError: if `texts` has not several texts for each prompt, or `scores` not one for each.

    >>> out = generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), chain(),
    ...                max_new_tokens=4, samples=20)
    >>> best(out, out.logprobs.sum(axis=2)).tokens  # the likeliest of 20
    Array([[1, 2, 3, 0],
           [3, 0, 1, 2]], dtype=int32)
    """
    given: Any = texts
    if getattr(given, "tokens", None) is None or given.tokens.ndim != 3:
        raise ValueError(
            "texts must be a result with tokens [B, G, N], such as that of generate(samples=G)"
        )
    numbers, shape = as_array(scores), given.tokens.shape[:2]
    if numbers.shape != shape:
        raise ValueError(
            f"scores must have one number for each text, {list(shape)}, got {list(numbers.shape)}"
        )
    return _best(*on_device((texts, numbers)))


@jax.jit
@functools.partial(in_auto, specs=alike)
def _best(texts, scores):
    scores = scores.astype(jnp.float32)
    scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
    rows, chosen = jnp.arange(scores.shape[0]), jnp.argmax(scores, axis=1)
    flat = rows * scores.shape[1] + chosen

    def take(name, part):
        if name == "decoding":
            return jax.tree.map(lambda x: x[flat], part)
        return jax.tree.map(lambda x: x[rows, chosen], part)

    return texts._replace(**{name: take(name, part) for name, part in texts._asdict().items()})
