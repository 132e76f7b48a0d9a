"""The likelihood of given texts under a sampler."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._answers import answers
from jaxsample.decode._columns import batch_of, over_columns
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import unembedded, vocab_size
from jaxsample.decode._prefill import start_states
from jaxsample.decode._records import Drawn, settle_and_observe
from jaxsample.kernels._auto_axes import alike, in_auto
from jaxsample.learn._chosen import chosen
from jaxsample.learn._examples import Examples
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row


class Seen(NamedTuple):
    """Records of every token, 0 past the end of a text.

    Attributes:
        logprobs: `[B, M]` nats, under the sampler; -inf for a token that it cannot produce, NaN for
            an invalid row.
        temperature: `[B, M]`, the gap between the two likeliest tokens before the sampler, divided
            by the gap after it. This is the temperature of a sampler that does nothing else. NaN if
            the ratio is not defined; None if it was not asked for.
    """

    logprobs: jax.Array
    temperature: Any


def logprobs(
    sampler: Transform, batch: Examples, model: Model | None = None, params: Any = None
) -> jax.Array:
    """Return the log-probability of each token under the sampler, `[B, M]`; differentiable.

    Args:
        sampler: any transform.
        batch: checked examples; the model is called only if they do not hold its outputs.
        model, params: the frozen model.

    >>> texts = Examples(np.array([[0, 1]]), logits=np.float32([[[1.0, 1.0], [1.0, 0.0]]]))
    >>> jax.jit(logprobs)(TopK(1), texts.checked())
    Array([[-0.6931472,       -inf]], dtype=float32)
    """
    return _compiled(sampler, batch, model, params)


def logprobs_of(sampler: Transform, batch: Examples, model: Any, params: Any) -> jax.Array:
    """Return what `logprobs` returns, for code that is compiled as a whole."""
    return observe_examples(sampler, batch, model, params, False).logprobs


_compiled = jax.jit(logprobs_of, static_argnums=2)


def observe_examples(
    sampler: Transform, batch: Examples, model: Any, params: Any, temperature: bool = True
) -> Seen:
    """Return the records of every token.

    Args:
        sampler, batch, model, params: see `logprobs`.
        temperature: whether to record temperatures.
    """

    def observe(raw, final, token):
        return Seen(token_logprob(final, token), _spread(raw, final) if temperature else None)

    return over_examples(observe, sampler, batch, model, params)


def over_examples(
    observe: Callable[[Row, Row, jax.Array], Any],
    sampler: Transform,
    batch: Examples,
    model: Any,
    params: Any,
) -> Any:
    """Return what `observe` finds at every token, leaves `[B, M]`, 0 past the end of a text.

    Args:
        observe: `(raw, final, token) -> observations` of one token, from the row before and the row
            after the sampler.
        sampler, batch, model, params: see `logprobs`.
    """
    logits, hidden = batch.logits, batch.hidden
    tokens = jnp.asarray(batch.tokens, jnp.int32)
    if not batch.cached:
        prompts = jnp.asarray(batch.prompts, jnp.int32)
        logits, hidden = answers(model, params, prompts, batch.lengths, tokens, batch.token_lengths)
    rebuild = None
    if logits is None:
        rebuild = functools.partial(unembedded, model, params)
    live = jnp.arange(tokens.shape[1])[None] < jnp.asarray(batch.token_lengths)[:, None]
    if hidden is not None:  # it may be NaN past the end of a text
        hidden = in_auto(lambda x, live: jnp.where(live[..., None], x, 0), alike)(hidden, live)
    size = vocab_size(model, params, logits, hidden)
    texts = batch._replace(logits=None, hidden=None)
    by_rows = in_auto(functools.partial(_states, size), lambda *_: batch_of(logits, hidden))
    state = by_rows(sampler, texts)

    def row(sampler, state, logits, hidden, token, live):
        raw = Row.of(logits)
        final, received = sampler.through(raw, state, hidden)
        given = Drawn(token, raw, final, received)
        return settle_and_observe(observe, sampler, state, hidden, given, live)

    return over_columns(row, sampler, state, (logits, hidden, tokens, live), rebuild)


def token_logprob(final: Row, token: jax.Array) -> jax.Array:
    """Return the log-probability of a token; NaN if the row is invalid."""
    known = (token >= 0) & (token < final.size)
    logprob = chosen(final, jnp.clip(token, 0, final.size - 1))
    return jnp.where(final.valid, jnp.where(known, logprob, -jnp.inf), jnp.nan)


def _states(size, sampler, batch):
    """Return the state of each row before its first token."""
    count, width = batch.tokens.shape
    if batch.prompts is None:
        state = sampler.init(None, None)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *jnp.shape(x))), state)
    prompts, lengths = (jnp.asarray(x, jnp.int32) for x in (batch.prompts, batch.lengths))
    room = prompts.shape[1] + width
    return start_states(sampler, None, None, prompts, lengths, room - lengths, room, size)


def _spread(raw, final):
    below = raw.values < raw.max
    second = jnp.max(jnp.where(below, raw.values, -jnp.inf))
    changed = final.max - jnp.max(jnp.where(below, final.values, -jnp.inf))
    told = jnp.isfinite(second) & jnp.isfinite(changed) & (changed > 0)
    return jnp.where(told, (raw.max - second) / jnp.where(told, changed, 1.0), jnp.nan)
