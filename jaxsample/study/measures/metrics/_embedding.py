"""Embeddings of texts, their cosine similarity and their principal components."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._model import Model
from jaxsample.learn._progress import bar

WIDTHS = 64  # texts are padded to a multiple of this length, so that few programs serve all


class Projection(NamedTuple):
    """Points along their principal components.

    Attributes:
        points: `[N, d]`, centred.
        axes: `[d, D]`, the orthonormal directions in the embedding.
        share: `[d]`, the share of the variance along each axis, in 0..1.

    >>> pca([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0], [2.0, -1.0]]).share
    array([0.8, 0.2])
    """

    points: np.ndarray
    axes: np.ndarray
    share: np.ndarray


def embed(
    source: Any, texts: Sequence[str], *, batch_size: int = 32, progress: bool = False
) -> np.ndarray:
    """Return the mean of the model's last hidden states over the tokens of each text.

    The bos is left out of the mean, and a text longer than the model's context is truncated. A
    study uses this embedder by default; any function from texts to `[N, D]` can take its place.

    Args:
        source: a model with its tokenizer; see `Source`.
        texts: N texts.
        batch_size: the number of texts per call; all calls share one program.
        progress: show a bar with the time left.

    Returns:
        `[N, D]` float32.

    Raises:
        ValueError: if there are no texts, a text is empty and the model has no bos, or the model
            does not return hidden states or has several streams.

    >>> import jaxsample_models
    >>> from types import SimpleNamespace
    >>> model = jaxsample_models.embedded()
    >>> source = SimpleNamespace(
    ...     name="story model", checkpoint=model, tokenizer=model.tokenizer, bos=[1], context=128
    ... )
    >>> vectors = embed(source, ["Tom went home.", "Tom ran home.", "It rained."], batch_size=3)
    >>> vectors.shape, bool(cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]))
    ((3, 128), True)
    """
    if not texts:
        raise ValueError("there are no texts to embed")
    model, params = source.checkpoint.model, source.checkpoint.params
    ids = [(source.tokenizer.encode(text).ids or source.bos)[: source.context] for text in texts]
    if not all(ids):
        raise ValueError(f"text {list(map(bool, ids)).index(False)} has no tokens to embed")
    width = min(-(-max(map(len, ids)) // WIDTHS) * WIDTHS, source.context)
    rows = -(-len(ids) // batch_size) * batch_size
    tokens = np.zeros((rows, width), np.int32)
    lengths = np.ones(rows, np.int32)
    first = np.zeros(rows, np.int32)
    for i, row in enumerate(ids):
        tokens[i, : len(row)] = row
        lengths[i] = len(row)
        first[i] = len(row) > 1 and row[:1] == source.bos[:1]
    parts = []
    with bar(progress, rows, 0) as show:
        for i in range(0, rows, batch_size):
            b = slice(i, i + batch_size)
            parts.append(np.asarray(_mean_hidden(model, params, tokens[b], first[b], lengths[b])))
            show(i + batch_size, {"embedded": min(i + batch_size, len(ids))})
    return np.concatenate(parts)[: len(ids)]


@functools.partial(jax.jit, static_argnums=0)
def _mean_hidden(model: Model, params, tokens, first, lengths):
    if model.streams != 1:
        raise ValueError("a model of several streams cannot embed texts; give one stream")
    batch, width = tokens.shape
    columns = jnp.arange(width, dtype=jnp.int32)[None, :]
    positions = jnp.where(columns < lengths[:, None], columns, -1)
    hidden = model.apply(params, tokens, positions, model.init_cache(batch, width)).hidden
    if hidden is None:
        raise ValueError(
            "this model does not return hidden states; give an embedder of your own, a function "
            "from texts to [N, D]"
        )
    counted = (columns >= first[:, None]) & (columns < lengths[:, None])
    # A product would let NaN at padding through.
    total = jnp.sum(jnp.where(counted[..., None], hidden.astype(jnp.float32), 0.0), axis=1)
    return total / (lengths - first)[:, None].astype(jnp.float32)


def cosine(a: Any, b: Any) -> np.ndarray:
    """Return the cosine between vectors along the last axis, in -1..1; NaN if one is zero.

    Args:
        a, b: `[.., D]`, broadcast, such as many texts `[N, D]` and one exemplar `[D]`.

    Returns:
        `[..]` float64.

    >>> cosine([[1.0, 0.0], [3.0, 4.0]], [2.0, 0.0])
    array([1. , 0.6])
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.clip(np.sum(a * b, axis=-1) / norms, -1.0, 1.0)


def pca(embeddings: Any, dimensions: int = 2) -> Projection:
    """Return the principal components of points, and the points along them.

    The sign of an axis is arbitrary; the entry of the largest size is made positive, so that a
    picture does not flip from run to run.

    Args:
        embeddings: `[N, D]`.
        dimensions: d, at most the smaller of N and D.

    Raises:
        ValueError: if `embeddings` is not `[N, D]` or not finite, or d is too large.

    >>> flat = pca([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], 1)
    >>> flat.points[:, 0].round(3), flat.share.round(3)
    (array([-1.414,  0.   ,  1.414]), array([1.]))
    """
    x = np.asarray(embeddings, np.float64)
    if x.ndim != 2 or not np.all(np.isfinite(x)):
        raise ValueError(f"embeddings must be finite, [N, D], got shape {list(x.shape)}")
    if not 1 <= dimensions <= min(x.shape):
        raise ValueError(f"dimensions must be in 1..{min(x.shape)}, got {dimensions}")
    x = x - x.mean(axis=0)
    _, sizes, axes = np.linalg.svd(x, full_matrices=False)
    axes = axes[:dimensions]
    largest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=1)[:, None], axis=1)
    axes = axes * np.where(largest < 0, -1.0, 1.0)
    variance = sizes**2
    share = variance[:dimensions] / max(variance.sum(), np.finfo(float).tiny)
    return Projection(x @ axes.T, axes, share)
