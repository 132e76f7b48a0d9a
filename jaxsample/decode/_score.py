"""Log-probabilities of given tokens under a model and a sampler."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxsample.decode._answers import answers
from jaxsample.decode._arguments import (
    check_ids,
    check_prompts,
    check_support,
    check_tokens,
    longest,
    on_device,
    per_row,
    positive_int,
)
from jaxsample.decode._columns import batch_of, over_columns
from jaxsample.decode._contract import streams_of
from jaxsample.decode._keys import init_keys, row_keys
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import (
    empty_vocabulary,
    first_stream,
    unembedded,
    vocab_size,
)
from jaxsample.decode._prefill import start_states
from jaxsample.decode._reading import check_chunk
from jaxsample.decode._records import (
    Drawn,
    Support,
    Top,
    check_record,
    observe,
    settle_and_observe,
)
from jaxsample.decode._sampler_axes import axes_prefix, check_axes
from jaxsample.kernels._auto_axes import in_auto
from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row


@exported
class Score(NamedTuple):
    """The records of given tokens, as `Generation` has them; 0 past the end of a row.

    Attributes:
        logprobs: `[B, N]` nats, under the sampler; -inf for a token that it cannot produce.
        model_logprobs: `[B, N]` nats, under the raw model.
        entropy, kept, support, top: as in `Generation`.

    >>> seen = score(bigram, table, jnp.array([[0]]), jnp.array([[1, 3]]), TopK(1))
    >>> np.exp(seen.logprobs), np.exp(seen.model_logprobs).round(2)
    (array([[1., 0.]], dtype=float32), array([[0.7, 0.1]], dtype=float32))
    """

    logprobs: jax.Array | None
    model_logprobs: jax.Array | None
    entropy: jax.Array | None
    kept: jax.Array | None
    support: Support | None
    top: Top | None


def score(
    model: Model,
    params: Any,
    prompts: ArrayLike,
    tokens: ArrayLike,
    sampler: Transform,
    *,
    lengths: ArrayLike | None = None,
    token_lengths: ArrayLike | None = None,
    key: jax.Array | None = None,
    max_length: int | None = None,
    budget: ArrayLike | None = None,
    sampler_axes: Any = None,
    chunk: int | None = None,
    support: Support | None = None,
    record: Sequence[Any] = ("logprobs", "model_logprobs"),
) -> Score:
    """Score the tokens that follow each prompt; differentiable in params and sampler.

    With the same params, the scores of generated tokens equal the records of `generate`. A token
    that the sampler cannot produce scores -inf with zero gradient.

    Args:
        model, params, prompts, sampler, lengths, sampler_axes, chunk: see `prefill`. Prompts and
            tokens are read in chunks alike; `jax.grad` then needs the caches between all chunks.
        tokens: `[B, N]` token ids, right-padded.
        token_lengths: `[B]` in 0..N, how many of them count; all by default.
        key, max_length, budget: the arguments of `generate`, if the sampler's state depends on
            them; max_length is P + N by default.
        support: the kept sets that `generate` recorded. They replace the sampler's filters, so that
            an update of the params does not change them; -inf written by token transforms stays.
            For a token whose kept set was larger than its record, the filters are applied.
        record: see `generate`; static.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    >>> def loss(sampler):
    ...     tokens = jnp.array([[1, 2, 3]])  # the likeliest tokens under the model
    ...     return -score(bigram, table, jnp.array([[0]]), tokens, sampler).logprobs.sum()
    >>> bool(jax.grad(loss)(Temperature(1.0)).value > 0)  # a lower temperature is better
    True
    """
    prompts = check_prompts(prompts, streams_of(model))
    batch, width = prompts.shape[0], prompts.shape[-1]
    tokens = check_tokens(tokens, batch)
    check_axes(sampler, sampler_axes, batch)
    room = width + tokens.shape[1] if max_length is None else max_length
    max_length = positive_int("max_length", room)
    lengths = per_row("lengths", lengths, width, prompts.shape[:-1], 1, width)
    budget = per_row("budget", budget, max_length, (batch,), 0)
    count = tokens.shape[1]
    token_lengths = per_row("token_lengths", token_lengths, count, (batch,), 0, count)
    support = check_support(support, tokens.shape)
    chunk = check_chunk(chunk, model)
    rows = prompts, tokens, sampler, lengths, token_lengths, budget, key, support
    given = on_device((params, *rows))
    static = check_record(record), sampler_axes, max_length, chunk
    seen, vocabulary = _score(model, *given, *static)
    check_ids("prompts", prompts, lengths, vocabulary.shape[-1])
    return seen


@functools.partial(jax.jit, static_argnums=(0, 10, 11, 12, 13))
def _score(
    model,
    params,
    prompts,
    tokens,
    sampler,
    lengths,
    token_lengths,
    budget,
    key,
    support,
    record,
    axes,
    max_length,
    chunk,
):
    batch, count = tokens.shape
    logits, hidden = answers(model, params, prompts, lengths, tokens, token_lengths, chunk)
    rebuilt = logits is None
    size = vocab_size(model, params, logits, hidden)

    def begin(sampler, key, prompts, lengths, budget, token_lengths):
        keys = None if key is None else init_keys(row_keys(key, batch))
        budget = jnp.minimum(budget, max_length - longest(lengths))
        prompts, lengths = (first_stream(x, model.streams) for x in (prompts, lengths))
        state = start_states(sampler, axes, keys, prompts, lengths, budget, max_length, size)
        return state, jnp.arange(count, dtype=jnp.int32)[None, :] < token_lengths[:, None]

    by_rows = in_auto(begin, lambda *_: batch_of(logits, hidden))
    state, live = by_rows(sampler, key, prompts, lengths, budget, token_lengths)
    if not rebuilt:
        hidden = first_stream(hidden, model.streams, axis=2)

    seen = over_columns(
        functools.partial(_score_row, record),
        sampler,
        state,
        (logits, hidden, tokens, live, support),
        functools.partial(unembedded, model, params) if rebuilt else None,
        axes_prefix(axes),
    )
    return Score(**seen._asdict()), empty_vocabulary(size)


def _score_row(record, sampler, state, logits, hidden, token, live, support):
    raw = Row.of(logits)
    final, received = sampler.through(raw, state, hidden)
    if support is not None:
        unfiltered = sampler.through(Row.of(logits, filters=False), state, hidden)[0]
        final = _replay(final, unfiltered, support)
    given = Drawn(token, raw, final, received)
    look = functools.partial(observe, record)
    return settle_and_observe(look, sampler, state, hidden, given, live)


def _replay(final, unfiltered, support):
    """Return the unfiltered row cut to the recorded set, or `final` if the record is incomplete."""
    ids = jnp.where(support.ids < 0, unfiltered.size, support.ids)
    member = jnp.zeros(unfiltered.size, bool).at[ids].set(True, mode="drop")
    values = jnp.where(member, unfiltered.values, -jnp.inf)
    valid = jnp.where(support.larger, final.valid, unfiltered.valid)
    values = jnp.where(support.larger, final.values, values)
    return Row.holding(values, valid)
