"""The log-probability of tokens that are already there, under a model and a sampler."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode import rows
from jaxsample.decode.model import Model
from jaxsample.decode.prefill import check_prompts, next_logits, rebuilds
from jaxsample.decode.records import Support, Top, check_record, observe
from jaxsample.kernels.tree import block_maxima
from jaxsample.transforms.base import Transform
from jaxsample.transforms.prompt import Prompt
from jaxsample.transforms.row import Row


class Score(NamedTuple):
    """What `Generation` records, for given tokens; zero past the end of a row.

    Attributes:
        logprobs: `[B, N]` nats, under the sampler; -inf for a token it cannot produce.
        model_logprobs: `[B, N]` nats, under the raw model.
        entropy, kept, support, top: as in `Generation`.
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
    rows.check_axes(sampler, sampler_axes, batch)
    rows.check_range("token_lengths", token_lengths, 0, tokens.shape[1])
    max_length = rows.count("max_length", max_length or width + tokens.shape[1])
    lengths = rows.per_row("lengths", lengths, width, prompts.shape[:-1])
    budget = rows.per_row("budget", budget, max_length, (batch,))
    budget = jnp.minimum(budget, max_length - rows.longest(lengths))
    token_lengths = rows.per_row("token_lengths", token_lengths, tokens.shape[1], (batch,))
    keys = None if key is None else rows.init_keys(rows.row_keys(key, batch))
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
    batch, count = tokens.shape
    total = prompts.shape[-1] + count
    join = _join if model.streams == 1 else jax.vmap(_join, (1, None, 1, None), 1)
    sequence, positions = join(prompts, tokens, lengths, token_lengths)
    output = model.apply(params, sequence, positions, model.init_cache(batch, total))
    prompts, lengths = (rows.first_stream(x, model.streams) for x in (prompts, lengths))
    columns = jnp.arange(count, dtype=jnp.int32)[None, :]
    at = jnp.minimum(lengths[:, None] - 1 + columns, total - 1)

    def pick(x):
        if x is None:
            return None
        return jnp.take_along_axis(x, jnp.expand_dims(at, range(2, x.ndim)), axis=1)

    hidden = pick(output.hidden)
    rebuilt = rebuilds(model, output)
    logits = None if rebuilt else pick(output.logits)
    shape = jax.eval_shape(functools.partial(next_logits, model), params, logits, hidden)

    def init(sampler, key, tokens, length, budget):
        return sampler.init(key, Prompt(tokens, length, budget, shape.shape[-1]))

    room = max(max_length - prompts.shape[1], 0)
    padded = jnp.pad(prompts, ((0, 0), (0, room)))
    prefix = rows.axes_prefix(axes)
    state = jax.vmap(init, in_axes=(prefix, 0, 0, 0, 0))(sampler, keys, padded, lengths, budget)
    score_rows = jax.vmap(functools.partial(_score_row, record), in_axes=(prefix, 0, 0, 0, 0, 0, 0))
    if not rebuilt:
        hidden = rows.first_stream(hidden, model.streams, axis=2)
    given = logits, hidden, tokens, columns < token_lengths[:, None], support
    if not rebuilt and not jax.tree.leaves(state):
        every = jax.vmap(functools.partial(score_rows, sampler, state), in_axes=1, out_axes=1)
        return Score(**every(*given)[1]._asdict())

    def body(state, column):
        logits, hidden, *others = column
        if rebuilt:
            logits = next_logits(model, params, logits, hidden)
            hidden = rows.first_stream(hidden, model.streams)
        return score_rows(sampler, state, logits, hidden, *others)

    seen = _scan_columns(body, state, given, count)
    return Score(**seen._asdict())


def _scan_columns(body, state, given, count):
    """Scan over the second axis of `given`, keeping about 2 sqrt(count) states for the way back.

    Each column of logits `[B, V]` is computed again there: neither `[B, N, V]` logits nor N states
    of size V ever exist.
    """
    chunk = max(math.isqrt(count), 1)
    chunks = -(-count // chunk)

    def split(x):
        x = jnp.swapaxes(x, 0, 1)
        x = jnp.pad(x, ((0, chunks * chunk - count), *((0, 0),) * (x.ndim - 1)))
        return x.reshape(chunks, chunk, *x.shape[1:])

    def join(x):
        return jnp.swapaxes(x.reshape(chunks * chunk, *x.shape[2:])[:count], 0, 1)

    @jax.checkpoint
    def some(state, columns):
        return lax.scan(jax.checkpoint(body), state, columns)

    return jax.tree.map(join, lax.scan(some, state, jax.tree.map(split, given))[1])


def _score_row(record, sampler, state, logits, hidden, token, live, support):
    raw = Row.of(logits)
    final, received = sampler.through(raw, state, hidden)
    if support is not None:
        unfiltered = sampler.through(Row.of(logits, filters=False), state, hidden)[0]
        final = _replay(final, unfiltered, support)
    moves = live & final.valid & (token >= 0) & (token < raw.size)
    moved = sampler.settle(received, state, jnp.clip(token, 0, raw.size - 1), hidden)
    state = jax.tree.map(lambda new, old: jnp.where(moves, new, old), moved, state)
    seen = observe(record, raw, final, token)
    return state, jax.tree.map(lambda x: jnp.where(live, x, jnp.zeros_like(x)), seen)


def _replay(final, unfiltered, support):
    """Return the unfiltered row cut to the recorded set, or `final` where that was not whole."""
    ids = jnp.where(support.ids < 0, unfiltered.size, support.ids)
    member = jnp.zeros(unfiltered.size, bool).at[ids].set(True, mode="drop")
    values = jnp.where(member, unfiltered.values, -jnp.inf)
    valid = jnp.where(support.larger, final.valid, unfiltered.valid)
    values = jnp.where(support.larger, final.values, values)
    return Row(values, block_maxima(values), valid)


def _join(prompts, tokens, lengths, token_lengths):
    """Put each row's tokens right behind its prompt; position -1 past the end."""
    columns = jnp.arange(prompts.shape[1] + tokens.shape[1], dtype=jnp.int32)[None, :]
    behind = jnp.clip(columns - lengths[:, None], 0, tokens.shape[1] - 1)
    head = jnp.pad(prompts, ((0, 0), (0, tokens.shape[1])))
    tail = jnp.take_along_axis(tokens, behind, axis=1)
    sequence = jnp.where(columns < lengths[:, None], head, tail)
    inside = columns < (lengths + token_lengths)[:, None]
    return jnp.where(inside, sequence, 0), jnp.where(inside, columns, -1)
