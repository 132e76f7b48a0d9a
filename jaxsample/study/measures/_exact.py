"""Exact entropies and nuclei of a grid of samplers at every token of given texts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsample.decode._answers import answers
from jaxsample.decode._model import Model
from jaxsample.learn._progress import bar
from jaxsample.study.draw._source import Source
from jaxsample.transforms.rows._row import Row

Of = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
NUMBERS = 2**22  # the largest number of logits in memory at once, over all temperatures


def entropies(
    source: Source,
    temperatures: Sequence[float],
    shares: Sequence[float],
    prompts: Sequence[Sequence[int]],
    texts: Sequence[Sequence[int]],
    *,
    progress: bool = False,
) -> Iterator[np.ndarray]:
    """Yield for each text the entropy `[length, T, P]` of each sampler before each token.

    The samplers are `chain(Temperature(t), TopP(p))` for every t and p. The model reads each text
    once, and all samplers use the same logits. Temperature keeps the order of tokens, so one sort
    serves all samplers.

    Args:
        source: the model with its tokenizer.
        temperatures: `[T]`, each above 0.
        shares: `[P]`, values of p.
        prompts, texts: the token ids of N prompts and of the texts after them.
        progress: show a bar with the time left.

    Yields:
        N arrays of nats, float32.

    Raises:
        ValueError: if a text does not fit the model's context.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> story = source.encode("A funny story. Once upon a time there was a girl named Lily.")
    >>> found, = entropies(source, [0.5, 1.0], [0.0, 0.9, 1.0], [story[:2]], [story[2:5]])
    >>> found.shape, bool((found[:, 0] <= found[:, 1]).all()), float(found[..., 0].max())
    ((3, 2, 3), True, 0.0)
    """
    return _read(_entropy, source, temperatures, shares, prompts, texts, progress)


def nuclei(
    source: Source,
    temperatures: Sequence[float],
    shares: Sequence[float],
    prompts: Sequence[Sequence[int]],
    texts: Sequence[Sequence[int]],
    *,
    progress: bool = False,
) -> Iterator[np.ndarray]:
    """Yield for each text `[length, T, P, 2]`: what each nucleus keeps and what it cuts.

    The first number is how many tokens it keeps, and the second is the probability of the likeliest
    token that it cuts, at temperature 1 over all tokens; 0 if it cuts nothing. The arguments are
    those of `entropies`.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> story = source.encode("A funny story. Once upon a time there was a girl named Lily.")
    >>> found, = nuclei(source, [1.0], [0.0, 0.9, 1.0], [story[:2]], [story[2:5]])
    >>> found.shape, found[0, 0, 2, 0] == source.tokenizer.get_vocab_size(), found[0, 0, 2, 1]
    ((3, 1, 3, 2), np.True_, np.float32(0.0))
    """
    return _read(_nucleus, source, temperatures, shares, prompts, texts, progress)


def _read(of, source, temperatures, shares, prompts, texts, progress):
    longest = max(len(p) + len(t) for p, t in zip(prompts, texts, strict=True))
    if longest > source.context:
        raise ValueError(f"a text of {longest} tokens does not fit {source.context} positions")
    model, params = source.checkpoint.model, source.checkpoint.params
    grid = jnp.asarray(temperatures, jnp.float32), jnp.asarray(shares, jnp.float32)
    widths = max(map(len, prompts)), max(1, *map(len, texts))
    with bar(progress, len(texts), 0) as show:
        for i, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
            given = [_padded(ids, width) for ids, width in zip((prompt, text), widths, strict=True)]
            yield np.asarray(_of_text(of, model, params, *grid, *given))[: len(text)]
            show(i + 1, {})


@functools.partial(jax.jit, static_argnums=(0, 1))
def _of_text(
    of: Of, model: Model, params: Any, temperatures: Any, shares: Any, prompt: Any, text: Any
):
    logits, hidden = answers(model, params, *prompt, *text)

    def position(x):
        logits, hidden = x
        if logits is None:
            assert model.unembed is not None
            logits = model.unembed(params, hidden)
        row = Row.of(logits)
        values = -jnp.sort(-row.values)
        size = min(temperatures.shape[0], max(1, NUMBERS // row.size))
        found = lax.map(lambda t: of(shares, values, t), temperatures, batch_size=size)
        return jnp.where(row.valid, found, jnp.nan)

    return lax.map(position, jax.tree.map(lambda x: x[0], (logits, hidden)))


def _entropy(shares: jax.Array, values: jax.Array, t: jax.Array) -> jax.Array:
    """Return the entropies `[P]` of values `[V]` in descending order."""
    below = (values - values[0]) / t
    weights = jnp.exp(below)
    mass = jnp.cumsum(weights)
    terms = jnp.cumsum(jnp.where(weights > 0, below * weights, 0.0))
    last = _last(shares, below, mass)
    return jnp.log(mass[last]) - terms[last] / mass[last]


def _nucleus(shares: jax.Array, values: jax.Array, t: jax.Array) -> jax.Array:
    """Return the size of each nucleus and the probability of the likeliest token outside."""
    below = (values - values[0]) / t
    kept = _last(shares, below, jnp.cumsum(jnp.exp(below))) + 1
    probs = jnp.append(jax.nn.softmax(values), 0.0)
    return jnp.stack([kept.astype(jnp.float32), probs[kept]], -1)


def _last(shares: jax.Array, below: jax.Array, mass: jax.Array) -> jax.Array:
    """Return the place `[P]` of the last token that each p keeps.

    Args:
        shares: `[P]`.
        below: `[V]`, the values at the temperature in descending order, the first 0.
        mass: the running sum of their exponentials.
    """
    above = jnp.concatenate([jnp.zeros(1), mass[:-1]])
    kept = jnp.maximum(jnp.searchsorted(above, shares * mass[-1]), 1)
    kept = jnp.where(shares >= 1, below.shape[0], kept)
    # Tokens with equal logits are kept or dropped together.
    return jnp.searchsorted(-below, -below[kept - 1], side="right") - 1


def _padded(ids: Sequence[int], width: int) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.zeros((1, width), np.int32)
    tokens[0, : len(ids)] = ids
    return tokens, np.asarray([len(ids)], np.int32)
