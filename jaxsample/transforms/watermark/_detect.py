"""Is a text marked? The test that goes with each watermark, by its key alone."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.contract._token_ids import token_row
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.watermark._binomial import upper_tail
from jaxsample.transforms.watermark._greenlist import Watermark
from jaxsample.transforms.watermark._synthid import SynthID


class Detection(NamedTuple):
    """What a text says about a watermark's key.

    Attributes:
        score: how many standard deviations `green` lies above what an unmarked text would have.
        p_value: chance that an unmarked text has as many; calling p_value <= a marked is wrong for
            at most a share a of unmarked texts.
        green: int32, scored coins that came up: green tokens, or g = 1 for `SynthID`.
        scored: int32, coins scored: tokens, times the rounds that are on for `SynthID`.

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

    Needs the key, not the model. A token is scored where its whole context is known, so a text cut
    anywhere is still found, less the first `width` tokens. What repeats is scored once, since its
    coins are the same: for `Watermark` each pair of context and token, for `SynthID`, which marks
    a context once, the first token behind each. Under the hypothesis that the text was written
    without the key the coins are then independent, and their number binomial: p_value is exact, up
    to one part in a thousand of rounding. Nothing to score gives score 0 and p_value 1.

    Args:
        sampler: a `Watermark`, a `SynthID`, or a chain with one of them. One row's, like `tokens`:
            batches of texts, and of keys, by `jax.vmap`.
        tokens: `[N]` token ids.
        prompt: `[P]` token ids right before `tokens`, context of the first ones and not scored.
        length: how many of `tokens` are text, the rest padding; all by default; may be traced.

    Raises:
        ValueError: if the sampler has not one watermark, or the ids are not one row of integers.

    Reference: Kirchenbauer et al., 2023, https://arxiv.org/abs/2301.10226, section 3;
        repeated n-grams: Fernandez et al., 2023, https://arxiv.org/abs/2308.00113

    >>> bool(detect(Watermark(key=7), [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]).p_value > 0.01)
    True
    """
    mark = _mark_of(sampler)
    text = jnp.asarray(token_row("tokens", tokens))
    before = jnp.asarray(token_row("prompt", () if prompt is None else prompt))[-mark.width :]
    length = jnp.asarray(text.shape[0] if length is None else length).astype(jnp.int32)
    return _detect(mark, jnp.concatenate([before, text]), before.shape[0] + length, before.shape[0])


@functools.partial(jax.jit, static_argnums=3)
def _detect(mark, text, end, skipped):
    # As if `width` tokens stood before the text, so that every place has a context.
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
    """Return which places `[N]` that are known are the first of their key and token.

    Contexts are the same if their keys, 64 bits, are.
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
        raise ValueError(f"one row's Watermark or SynthID is needed, use jax.vmap: {marks[0]!r}")
    return marks[0]
