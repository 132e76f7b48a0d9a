"""The log-probability of tokens that are already there, under a model and a sampler."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._arguments import (
    axes_prefix,
    check_axes,
    check_prompts,
    check_range,
    longest,
    per_row,
    positive_int,
)
from jaxsample.decode._columns import over_columns
from jaxsample.decode._keys import init_keys, row_keys
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import answers, first_stream, unembedded, vocab_size
from jaxsample.decode._prefill import start_states
from jaxsample.decode._records import Support, Top, check_record, observe, settle_and_observe
from jaxsample.decode._tiers import Drawn
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row


class Score(NamedTuple):
    """What `Generation` records, for given tokens; zero past the end of a row.

    Attributes:
        logprobs: `[B, N]` nats, under the sampler; -inf for a token it cannot produce.
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
    prompts: jax.Array,
    tokens: jax.Array,
    sampler: Transform,
    *,
    lengths: jax.Array | None = None,
    token_lengths: jax.Array | None = None,
    key: jax.Array | None = None,
    max_length: int | None = None,
    budget: jax.Array | None = None,
    sampler_axes: Any = None,
    support: Support | None = None,
    record: Sequence[Any] = ("logprobs", "model_logprobs"),
) -> Score:
    """Score the tokens that follow each prompt; differentiable in params and sampler.

    At unchanged params it equals what `generate` recorded. A token the sampler cannot produce
    scores -inf with zero gradient.

    Args:
        model, params, prompts, sampler, lengths, sampler_axes: see `prefill`.
        tokens: `[B, N]` token ids, right-padded.
        token_lengths: `[B]` in 0..N, how many of them count; all by default.
        key, max_length, budget: as given to `generate`, where the sampler's state depends on them;
            max_length is P + N by default.
        support: the kept sets a `Generation` recorded. They take the place of the sampler's
            filters (a policy update must not move them); -inf written by token transforms stays.
            Where a set was larger than what was recorded, the filters hold as they are.
        record: see `generate`; static.

    Raises:
        ValueError: if an argument does not fit.

    >>> def loss(sampler):
    ...     tokens = jnp.array([[1, 2, 3]])  # what the model finds likeliest
    ...     return -score(bigram, table, jnp.array([[0]]), tokens, sampler).logprobs.sum()
    >>> bool(jax.grad(loss)(Temperature(1.0)).value > 0)  # colder would be better
    True
    """
    prompts = check_prompts(prompts, lengths, model.streams)
    batch, width = prompts.shape[0], prompts.shape[-1]
    tokens = jnp.asarray(tokens)
    if (
        tokens.ndim != 2
        or tokens.shape[0] != batch
        or not jnp.issubdtype(tokens.dtype, jnp.integer)
    ):
        raise ValueError(
            f"tokens must be integers [{batch}, N], got {tokens.dtype}{list(tokens.shape)}"
        )
    check_axes(sampler, sampler_axes, batch)
    check_range("token_lengths", token_lengths, 0, tokens.shape[1])
    max_length = positive_int("max_length", max_length or width + tokens.shape[1])
    lengths = per_row("lengths", lengths, width, prompts.shape[:-1])
    budget = per_row("budget", budget, max_length, (batch,))
    budget = jnp.minimum(budget, max_length - longest(lengths))
    token_lengths = per_row("token_lengths", token_lengths, tokens.shape[1], (batch,))
    keys = None if key is None else init_keys(row_keys(key, batch))
    return _score(
        model,
        params,
        prompts,
        tokens.astype(jnp.int32),
        sampler,
        lengths,
        token_lengths,
        budget,
        keys,
        support,
        check_record(record),
        sampler_axes,
        max_length,
    )


@functools.partial(jax.jit, static_argnums=(0, 10, 11, 12))
def _score(
    model,
    params,
    prompts,
    tokens,
    sampler,
    lengths,
    token_lengths,
    budget,
    keys,
    support,
    record,
    axes,
    max_length,
):
    count = tokens.shape[1]
    logits, hidden = answers(model, params, prompts, lengths, tokens, token_lengths)
    rebuilt = logits is None
    prompts, lengths = (first_stream(x, model.streams) for x in (prompts, lengths))
    columns = jnp.arange(count, dtype=jnp.int32)[None, :]
    size = vocab_size(model, params, logits, hidden)
    state = start_states(sampler, axes, keys, prompts, lengths, budget, max_length, size)
    if not rebuilt:
        hidden = first_stream(hidden, model.streams, axis=2)

    seen = over_columns(
        functools.partial(_score_row, record),
        sampler,
        state,
        (logits, hidden, tokens, columns < token_lengths[:, None], support),
        functools.partial(unembedded, model, params) if rebuilt else None,
        axes_prefix(axes),
    )
    return Score(**seen._asdict())


def _score_row(record, sampler, state, logits, hidden, token, live, support):
    raw = Row.of(logits)
    final, received = sampler.through(raw, state, hidden)
    if support is not None:
        unfiltered = sampler.through(Row.of(logits, filters=False), state, hidden)[0]
        final = _replay(final, unfiltered, support)
    given = Drawn(token, raw, final, received, None)
    look = functools.partial(observe, record)
    return settle_and_observe(look, sampler, state, hidden, given, live)


def _replay(final, unfiltered, support):
    """Return the unfiltered row cut to the recorded set, or `final` where that was not whole."""
    ids = jnp.where(support.ids < 0, unfiltered.size, support.ids)
    member = jnp.zeros(unfiltered.size, bool).at[ids].set(True, mode="drop")
    values = jnp.where(member, unfiltered.values, -jnp.inf)
    valid = jnp.where(support.larger, final.valid, unfiltered.valid)
    values = jnp.where(support.larger, final.values, values)
    return Row.holding(values, valid)
