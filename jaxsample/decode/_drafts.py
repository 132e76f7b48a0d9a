"""Drafts for `speculate`: proposals of the next tokens."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._arguments import positive_int
from jaxsample.decode._contract import empty_cache, streams_of
from jaxsample.decode._keys import draw_keys
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import last_output, next_logits
from jaxsample.decode._prefill import positions_of
from jaxsample.decode._sampler_axes import axes_prefix
from jaxsample.decode._step import draw_row


class Next(NamedTuple):
    """Where each row of a decoding stands when its draft proposes.

    Attributes:
        token: `[B]` int32, the last token, which the draft has not read.
        position: `[B]` int32, its position; -1 for a row that needs no proposals.
        keys: `[B]` row keys.
        n: `[B]` int32, the number of the token to propose first.
        sampler: the transform of the target.
        state: its state after `token`.
        axes: `sampler_axes`, see `prefill`.

    >>> stand = Next(jnp.array([1]), jnp.array([4]), None, None, TopK(1), (), None)
    >>> text = lookup().init(None, jnp.array([[1, 2, 0, 3]]), jnp.array([4]), 9)
    >>> lookup().propose(None, text, 2, stand)[0]
    Array([[2, 0]], dtype=int32)
    """

    token: jax.Array
    position: jax.Array
    keys: jax.Array
    n: jax.Array
    sampler: Any
    state: Any
    axes: Any


class Draft(NamedTuple):
    """Proposes tokens for `speculate`. Wrong proposals cost time and change nothing.

    The functions are static under `jit`; define them once.

    Attributes:
        init: `(params, prompts [B, P], lengths [B], max_length) -> state`, any pytree whose leaves
            have the batch as their first axis.
        propose: `(params, state, ahead, next) -> (tokens [B, ahead] int32, state)`, with a `Next`
            and a static number of tokens; -1 from where there is no proposal.
        keep: `(params, state, tokens [B, 1 + ahead], positions [B, 1 + ahead]) -> state`: the last
            token and the proposals that were right, at their positions; the others have -1.

    >>> def next_ids(params, state, ahead, next):  # propose t + 1, t + 2, ..
    ...     return (next.token[:, None] + 1 + jnp.arange(ahead)) % 4, state
    >>> counting = Draft(lambda params, prompts, lengths, max_length: (), next_ids,
    ...                  lambda params, state, tokens, positions: state)
    >>> speculate(jax.random.key(0), bigram, table, jnp.array([[0]]), TopK(1), draft=counting,
    ...           max_new_tokens=5).tokens
    Array([[1, 2, 3, 0, 1]], dtype=int32)
    """

    init: Callable[[Any, jax.Array, jax.Array, int], Any]
    propose: Callable[[Any, Any, int, Next], tuple[jax.Array, Any]]
    keep: Callable[[Any, Any, jax.Array, jax.Array], Any]


@functools.cache
def lookup(longest: int = 3) -> Draft:
    """Return a draft that copies from the text: the tokens that last followed its last tokens.

    It needs no model. It is right where a text repeats itself or its prompt, as summaries, edits
    and code do.

    Args:
        longest: the largest number of last tokens that it looks for; static.

    >>> text = jnp.array([[0, 1, 2, 3, 0, 1]])
    >>> out = speculate(jax.random.key(0), bigram, table, text, TopK(1), draft=lookup(),
    ...                 max_new_tokens=6)
    >>> out.tokens
    Array([[2, 3, 0, 1, 2, 3]], dtype=int32)
    """
    longest = positive_int("longest", longest)

    def init(params, prompts, lengths, max_length):
        del params
        text = jnp.pad(prompts, ((0, 0), (0, max_length - prompts.shape[1])))
        return text, lengths

    def propose(params, state, ahead, next):
        del params
        text, length = keep(None, state, next.token[:, None], next.position[:, None])
        return jax.vmap(functools.partial(_copied, longest, ahead))(text, length), state

    def keep(params, state, tokens, positions):
        del params
        text, length = state
        columns = jnp.where(positions < 0, text.shape[1], positions)
        rows = jnp.arange(text.shape[0])[:, None]
        text = text.at[rows, columns].set(tokens, mode="drop")
        return text, jnp.maximum(length, jnp.max(positions, axis=1) + 1)

    return Draft(init, propose, keep)


def _copied(longest, ahead, text, length):
    """Continue a row as after the longest, latest earlier place that reads like its end."""
    ends = jnp.arange(text.shape[0])  # a place ends before this index
    same = (ends > 0) & (ends < length)
    alike = jnp.zeros_like(ends)
    for back in range(1, longest + 1):
        before = text[jnp.maximum(ends - back, 0)]
        same &= (ends >= back) & (before == text[jnp.maximum(length - back, 0)])
        alike += same.astype(alike.dtype)
    best = jnp.max(jnp.where(alike > 0, alike * text.shape[0] + ends, 0))
    start = best % text.shape[0]
    # A place less than `ahead` tokens from the end repeats with its own period.
    columns = start + jnp.arange(ahead) % jnp.maximum(length - start, 1)
    return jnp.where(best > 0, text[columns], -1)


@functools.cache
def by_model(model: Model) -> Draft:
    """Return a draft that draws from a smaller model with the keys and the sampler of the target.

    The same noise picks the same token wherever the two models agree well enough: with probability
    at least (1 - TV) / (1 + TV), where TV is the total variation distance of the two distributions
    (Daliri, Musco and Suresh 2024, arXiv 2408.07978).

    Args:
        model: a model with the vocabulary of the target; its parameters are `draft_params`. A
            sampler that reads hidden states needs those of the draft to be as wide as the target's.

    >>> worse = 0.5 * table
    >>> speculate(jax.random.key(0), bigram, table, jnp.array([[0]]), TopK(1), max_new_tokens=4,
    ...           draft=by_model(bigram), draft_params=worse).tokens
    Array([[1, 2, 3, 0]], dtype=int32)
    """
    if streams_of(model) > 1:
        raise ValueError("by_model is for models of one stream")

    def init(params, prompts, lengths, max_length):
        positions = positions_of(prompts, lengths)
        cache = empty_cache(model, prompts.shape[0], max_length)
        return model.apply(params, prompts, positions, cache).cache

    def propose(params, cache, ahead, next):
        def one(carry, i):
            now, token, state = carry
            position = jnp.where(next.position < 0, -1, next.position + i)
            output = model.apply(params, token[:, None], position[:, None], now)
            logits, hidden = last_output(model, params, output, jnp.zeros_like(token))
            logits = next_logits(model, params, logits, hidden)
            draw = functools.partial(draw_row, ())
            each = jax.vmap(draw, in_axes=(axes_prefix(next.axes), 0, 0, 0, 0, 0))
            keys, live = draw_keys(next.keys, next.n + i), position >= 0
            token, _, state, _ = each(next.sampler, logits, hidden, state, keys, live)
            return (output.cache, jnp.maximum(token, 0), state), token

        count = jnp.arange(ahead + int(model.rewinds), dtype=jnp.int32)
        (after, *_), tokens = lax.scan(one, (cache, next.token, next.state), count)
        tokens = jnp.where(next.position[:, None] < 0, -1, tokens.T[:, :ahead])
        # A cache that rewinds has read the last proposal too, and hides the wrong ones later.
        return tokens, after if model.rewinds else cache

    def keep(params, cache, tokens, positions):
        return cache if model.rewinds else model.apply(params, tokens, positions, cache).cache

    return Draft(init, propose, keep)
