"""Guided models: two streams, with and without a condition, combined into one row of logits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model, ModelOutput
from jaxsample.decode._model_output import rebuilds


class Streams(NamedTuple):
    """The cache of a guided model.

    Attributes:
        caches: the cache of the inner model, with leaves `[B, 2, ..]` instead of `[2 B, ..]`.
        offset: `[B]` int32, the unconditional stream's position minus the conditional one's.
    """

    caches: Any
    offset: jax.Array


def guided(model: Model, combiner: Any, axes: Any = None) -> Model:
    """Make a model that reads two prompts per row and continues both with the same tokens.

    Both streams share one cache and one call of the model, so a step costs two rows. The sampler
    and a `Decoding` see one row: the prompt, position and hidden state of the conditional stream,
    and the combined logits of both.

    Call decoding functions with the new model, params `(params, combiner)`, prompts `[B, 2, P]`
    with the conditional one first, and lengths `[B, 2]`. The longer prompt counts against
    `max_length`. The same model with a combiner of the same structure always gives the same object,
    so changing a number in the combiner compiles nothing.

    Args:
        model: the model of both streams.
        combiner: any pytree that is called with `(conditional [V], unconditional [V])` and returns
            `[V]`, such as `Guidance`; only its structure is used here.
        axes: None, or 0 if every leaf of the combiner carries `[B]`, as for `sampler_axes`. With
            `samples=G` it carries `[B]` or `[B * G]`.

    Raises:
        ValueError: if the model is guided already, the combiner is not a callable pytree, or `axes`
            is neither None nor 0.

    >>> def apply(table, tokens, positions, cache):
    ...     return ModelOutput(table[tokens], None, cache)
    >>> model = Model(lambda batch, length: (), apply)
    >>> table = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.9, 0.0]])
    >>> combiner = Guidance(3.0)
    >>> generate(jax.random.key(0), guided(model, combiner), (table, combiner),
    ...          jnp.array([[[2], [0]]]), TopK(1), max_new_tokens=2).tokens
    Array([[1, 2]], dtype=int32)
    """
    if model.streams != 1:
        raise ValueError("the model is guided already: it has two streams")
    if not callable(combiner) or jax.tree_util.all_leaves([combiner]):
        raise ValueError(f"a combiner is a pytree that can be called, got {combiner!r}")
    if axes not in (None, 0):
        raise ValueError(f"axes must be None or 0, got {axes!r}")
    return _guided(model, jax.tree.structure(combiner), axes)


@functools.cache
def _guided(model, structure, axes):
    def init_cache(batch, max_length):
        caches = model.init_cache(2 * batch, max_length)
        return Streams(jax.tree.map(_apart, caches), jnp.zeros(batch, jnp.int32))

    def apply(params, tokens, positions, cache):
        inner, combiner = unpack(params)
        if tokens.ndim == 3:
            last = jnp.max(positions, axis=2)
            offset = last[:, 1] - last[:, 0]
            at = jnp.arange(tokens.shape[2], dtype=jnp.int32)[None, :] + offset[:, None]
            at = jnp.clip(at, 0, tokens.shape[2] - 1)
        else:
            offset, at = cache.offset, None
            ahead = jnp.where(positions >= 0, positions + offset[:, None], -1)
            tokens = jnp.stack([tokens, tokens], axis=1)
            positions = jnp.stack([positions, ahead], axis=1)
        caches = jax.tree.map(_together, cache.caches)
        output = model.apply(inner, _together(tokens), _together(positions), caches)
        hidden = None if output.hidden is None else _aligned(output.hidden, at)
        logits = None
        if not rebuilds(model, output):
            logits = combine(combiner, _aligned(output.logits, at))
        cache = Streams(jax.tree.map(_apart, output.cache), offset)
        return ModelOutput(logits, hidden, cache)

    def unembed(params, hidden):
        inner, combiner = unpack(params)
        return combine(combiner, model.unembed(inner, hidden))

    def unpack(params):
        if isinstance(params, tuple) and len(params) == 2:
            if jax.tree.structure(params[1]) == structure:
                return params
        raise ValueError(
            "a guided model takes params (params, combiner), with the same structure of the "
            f"combiner as guided() got: {structure}"
        )

    def combine(combiner, logits):
        """Combine logits `[B, .., 2, V]`, with one combiner per row or one for all."""
        call = _call
        for _ in range(logits.ndim - 3):
            call = jax.vmap(call, in_axes=(None, 0))
        if axes == 0:
            combiner = jax.tree.map(functools.partial(_spread, logits.shape[0]), combiner)
        return jax.vmap(call, in_axes=(axes, 0))(combiner, logits)

    unembeds = None if model.unembed is None else unembed
    return Model(init_cache, apply, unembeds, streams=2, rewinds=model.rewinds)


def _call(combiner: Callable, logits):
    return combiner(logits[0], logits[1])


def _apart(x):
    return x.reshape(x.shape[0] // 2, 2, *x.shape[1:])


def _together(x):
    return x.reshape(x.shape[0] * 2, *x.shape[2:])


def _aligned(x, at):
    """Stack both streams `[2 B, T, N]` into `[B, T, 2, N]`, aligned at the same text.

    The unconditional stream is read at the columns `at` `[B, T]`, or at the same ones if None.
    """
    both = _apart(x)
    other = both[:, 1]
    if at is not None:
        other = jnp.take_along_axis(other, at[:, :, None], axis=1)
    return jnp.stack([both[:, 0], other], axis=2)


def _spread(batch, leaf):
    """Repeat a leaf to `batch` rows; the samples of one prompt are adjacent."""
    rows = jnp.shape(leaf)[0] if jnp.ndim(leaf) else 0
    if not rows or batch % rows:
        raise ValueError(
            f"axes=0 needs a leading axis of rows on every leaf of the combiner, got shape "
            f"{list(jnp.shape(leaf))} for {batch} rows; use stack([...])"
        )
    return jnp.repeat(leaf, batch // rows, axis=0)
