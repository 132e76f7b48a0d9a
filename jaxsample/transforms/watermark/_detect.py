"""Tests of whether a text has a watermark."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._auto_axes import in_auto
from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._token_ids import token_row
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.watermark._binomial import upper_tail
from jaxsample.transforms.watermark._greenlist import Watermark
from jaxsample.transforms.watermark._synthid import SynthID


@exported
class Detection(NamedTuple):
    """The result of a watermark test.

    Attributes:
        score: the standard deviations by which `green` exceeds its mean for unmarked texts.
        p_value: the chance that an unmarked text has at least as many green tokens. If texts with
            p_value <= a are called marked, at most a share a of unmarked texts is.
        green: int32, the number of green tokens, or of coins with g = 1 for `SynthID`.
        scored: int32, the number of scored tokens, or of scored coins for `SynthID`.

    >>> found = detect(Watermark(key=7), [3, 1, 4, 1, 5])
    >>> int(found.scored), bool(found.green <= found.scored)
    (4, True)
    """

    score: jax.Array
    p_value: jax.Array
    green: jax.Array
    scored: jax.Array


def detect(sampler: Transform, tokens: Any, prompt: Any = None, length: Any = None) -> Detection:
    """Test one text for the watermark of a sampler.

    The test needs the key but not the model. It scores every token whose whole context is known, so
    it also works on a part of a text. Repetitions are scored once, because their coins are equal:
    each pair of context and token for `Watermark`, and the first token after each context for
    `SynthID`, which marks a context only once. For a text written without the key, the coins are
    independent and their sum is binomial, so p_value is exact up to a rounding error of one part in
    a thousand. Without a scored token, score is 0 and p_value is 1.

    Args:
        sampler: a `Watermark`, a `SynthID`, or a chain with one of them. Use `jax.vmap` for batches
            of texts or of keys.
        tokens: `[N]` token ids.
        prompt: `[P]` token ids before `tokens`. They are context and are not scored.
        length: the number of `tokens` that are text and not padding; all by default; may be traced.

    Raises:
        ValueError: if the sampler does not have exactly one watermark, or the ids are not one
            row of integers within int32.

    Reference: Kirchenbauer et al., 2023, https://arxiv.org/abs/2301.10226, section 3;
        repeated n-grams: Fernandez et al., 2023, https://arxiv.org/abs/2308.00113

    >>> bool(detect(Watermark(key=7), [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]).p_value > 0.01)
    True
    """
    mark = _mark_of(sampler)
    text = jnp.asarray(token_row("tokens", tokens))
    before = jnp.asarray(token_row("prompt", () if prompt is None else prompt))[-mark.width :]
    length = jnp.asarray(text.shape[0] if length is None else length).astype(jnp.int32)
    return _detect(mark, before, text, length)


@jax.jit
@in_auto
def _detect(mark, before, text, length):
    skipped = before.shape[0]
    text, end = jnp.concatenate([before, text]), skipped + length
    # Pad the text with `width` tokens, so that every place has a context.
    padded = jnp.pad(text, (mark.width, 0))
    places = jnp.arange(text.shape[0], dtype=jnp.int32)
    contexts = padded[places[:, None] + jnp.arange(mark.width, dtype=jnp.int32)]
    known = (places >= max(mark.width, skipped)) & (places < end)
    keys = jax.vmap(mark._key)(contexts)
    if isinstance(mark, SynthID):
        coins = jax.vmap(lambda k, t: mark._coins(k, t[None])[0])(keys, text)
        chance, on, then = jnp.float32(0.5), jnp.asarray(mark.keys) != 0, jnp.zeros_like(text)
    else:
        coins = jax.vmap(lambda k, t: mark._green(k, t[None]))(keys, text)
        chance, on, then = jnp.asarray(mark.fraction, jnp.float32), jnp.ones(1, bool), text
    tossed = _first(known, keys, then)[:, None] & on
    green = jnp.sum(coins & tossed, dtype=jnp.int32)
    scored = jnp.sum(tossed, dtype=jnp.int32)
    h, n = green.astype(jnp.float32), scored.astype(jnp.float32)
    spread = jnp.sqrt(n * chance * (1.0 - chance))
    score = jnp.where(spread > 0, (h - n * chance) / jnp.where(spread > 0, spread, 1.0), 0.0)
    return Detection(score, upper_tail(h, n, chance), green, scored)


def _first(known, keys, tokens):
    """Return which known places `[N]` hold the first occurrence of their key and token.

    Contexts are compared by their keys of 64 bits.
    """
    words = jax.random.key_data(keys)
    places = jnp.arange(tokens.shape[0], dtype=jnp.int32)
    *ranked, order = lax.sort((~known, words[:, 0], words[:, 1], tokens, places), num_keys=5)
    same = [column[1:] == column[:-1] for column in ranked]
    repeats = functools.reduce(jnp.logical_and, same)
    first = ~jnp.concatenate([jnp.zeros(min(1, tokens.shape[0]), bool), repeats])
    return known & jnp.zeros_like(known).at[order].set(first)


def _mark_of(sampler) -> Any:
    members = list(sampler) if isinstance(sampler, Chain) else [sampler]
    marks = [t for t in members if isinstance(t, Watermark | SynthID)]
    if len(marks) != 1:
        raise ValueError(
            f"detect needs a Watermark or a SynthID, or a chain with one, got {sampler!r}"
        )
    secret = marks[0].keys if isinstance(marks[0], SynthID) else marks[0].key
    if jnp.ndim(secret) != 1:
        raise ValueError(f"detect tests one row; use jax.vmap for a batch of keys: {marks[0]!r}")
    return marks[0]
