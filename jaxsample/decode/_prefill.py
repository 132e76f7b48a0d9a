"""The first pass over the prompts, and the first state of the sampler."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxsample.decode._after import check_after, check_cache, rest, shared
from jaxsample.decode._arguments import (
    RECENT,
    check_ids,
    check_prompts,
    longest,
    on_device,
    per_row,
    positive_int,
)
from jaxsample.decode._contract import empty_cache, streams_of
from jaxsample.decode._keys import init_keys, row_keys, sample_keys
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import (
    empty_vocabulary,
    first_stream,
    kept,
    vocab_size,
)
from jaxsample.decode._reading import check_chunk, read_columns
from jaxsample.decode._sampler_axes import axes_prefix, check_axes, repeat_rows, repeat_sampler
from jaxsample.decode._step import Decoding
from jaxsample.kernels._auto_axes import alike, in_auto, rows
from jaxsample.transforms.contract._prompt import Prompt
from jaxsample.transforms.contract._transform import Transform


def prefill(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    max_length: int,
    lengths: ArrayLike | None = None,
    budget: ArrayLike | None = None,
    samples: int | None = None,
    sampler_axes: Any = None,
    after: Decoding | None = None,
    chunk: int | None = None,
) -> Decoding:
    """Run the prompts through the model and start the sampler's state.

    Token ids and numbers must fit into int32. Values given as Python or numpy numbers are checked,
    and so are token ids against the vocabulary, except in the padding. Values on a device are not
    read, except `after.position`: ids outside of the vocabulary are the model's affair, a negative
    `budget` counts as 0.

    Args:
        key: one PRNG key, or `[B]` row keys. Row b of one key has `fold_in(key, b)`.
        model, params: see `Model`.
        prompts: `[B, P]` token ids, right-padded; `[B, streams, P]` for a model of several streams.
        sampler: any transform.
        max_length: the largest number of tokens of prompt and output together; static.
        lengths: `[B]`, or `[B, streams]`, in 1..P, the lengths of the prompts; all P by default.
            The longest prompt of a row counts against `max_length`.
        budget: `[B]` >= 0, the largest number of tokens each row may draw; as many as `max_length`
            allows by default.
        samples: rows per prompt. The prompts pass through the model once, and their rows are then
            repeated; static.
        sampler_axes: None (all rows share the leaves), 0 (every leaf carries `[B]`), or for a
            chain a tuple of these with one per member; static.
        after: a `Decoding` that has read the first tokens of the prompts, as many as its
            `position` says, with the same `max_length`. They are not read again. It has one row
            for each prompt, such as the last turn of a conversation, or one row that all prompts
            begin with. A prompt that ends there takes its logits and hidden state from it. One
            that ends before takes tokens back, which needs a model that `rewinds`; so does a
            `position` that you lower yourself, and then every prompt must be longer than it.
        chunk: how many columns of the prompts the model reads at a time, so that long prompts need
            memory for the activations of one chunk; None reads all at once. A model of one
            stream, and Auto axes of a mesh; static.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    >>> prompts = jnp.array([[0], [2]])
    >>> decoding = prefill(jax.random.key(0), bigram, table, prompts, TopK(1), max_length=5)
    >>> decoding.position.tolist(), decoding.remaining.tolist()
    ([1, 1], [4, 4])
    >>> longer = jnp.array([[0, 3, 1], [2, 2, 0]])  # each row begins with its prompt
    >>> prefill(jax.random.key(0), bigram, table, longer, TopK(1), max_length=5,
    ...         after=decoding).position.tolist()
    [3, 3]
    """
    arguments = model, prompts, sampler, max_length, lengths, budget, samples, sampler_axes
    prompts, max_length, lengths, budget, samples = check_rows(*arguments)
    chunk = check_chunk(chunk, model)
    read, unread = check_after(after, model, lengths, prompts.shape[-1])
    given = on_device((params, prompts, sampler, key, lengths, budget, read))
    static = max_length, samples, sampler_axes, unread, chunk
    decoding, vocabulary = _prefill(model, *given, *static)
    check_ids("prompts", prompts, lengths, vocabulary.shape[-1])
    return decoding


def check_rows(
    model: Model,
    prompts: ArrayLike,
    sampler: Transform,
    max_length: int,
    lengths: ArrayLike | None,
    budget: ArrayLike | None,
    samples: int | None,
    sampler_axes: Any,
) -> tuple[jax.Array, int, jax.Array, jax.Array, int | None]:
    """Check arguments of `prefill`; return prompts, max_length, lengths, budget and samples.

    Raises:
        ValueError: if one has a wrong type, shape or value.
    """
    prompts = check_prompts(prompts, streams_of(model))
    batch, width = prompts.shape[0], prompts.shape[-1]
    max_length = positive_int("max_length", max_length)
    if max_length < width:
        raise ValueError(f"max_length must be at least the prompts' {width}, got {max_length}")
    check_axes(sampler, sampler_axes, batch)
    samples = None if samples is None else positive_int("samples", samples)
    lengths = per_row("lengths", lengths, width, prompts.shape[:-1], 1, width)
    budget = per_row("budget", budget, max_length, (batch,), 0)
    return prompts, max_length, lengths, budget, samples


@functools.partial(jax.jit, static_argnums=(0, 8, 9, 10, 11, 12))
def _prefill(
    model, params, prompts, sampler, key, lengths, budget, read,
    max_length, samples, axes, unread, chunk,
):  # fmt: skip
    batch = prompts.shape[0]
    if read is None:
        tokens, positions = prompts, in_auto(positions_of, alike)(prompts, lengths)
        last = first_stream(lengths, model.streams) - 1
        cache = empty_cache(model, batch, max_length)
    else:
        check_cache(read, jax.eval_shape(lambda: model.init_cache(batch, max_length)))
        read = shared(read, prompts)
        of_rest = in_auto(functools.partial(rest, unread), lambda prompts, *_: rows(prompts))
        tokens, positions, last, new = of_rest(prompts, lengths, read.position)
        cache = read.cache
    given = params, tokens, positions, cache, last
    cache, logits, hidden = read_columns(model, *given, chunk)
    if read is not None:
        old = read.logits, read.hidden
        logits, hidden = in_auto(kept, alike)((logits, hidden), old, new)
    size = vocab_size(model, params, logits, hidden)
    seen = cache, logits, hidden
    if samples is not None:
        seen = in_auto(lambda seen: repeat_rows(seen, samples), alike)(seen)

    def begin(prompts, sampler, key, lengths, budget):
        keys = row_keys(key, batch)
        remaining = jnp.clip(jnp.minimum(budget, max_length - longest(lengths)), 0)
        prompts, lengths = (first_stream(x, model.streams) for x in (prompts, lengths))
        texts = prompts, lengths, remaining
        if samples is not None:
            texts, keys = repeat_rows(texts, samples), sample_keys(keys, samples)
            sampler = repeat_sampler(sampler, axes, samples)
        prompts, lengths, remaining = texts
        return start_rows(sampler, axes, keys, prompts, lengths, remaining, max_length, size)

    by_rows = in_auto(begin, lambda *_: rows(hidden if logits is None else logits))
    decoding = Decoding(*seen, *by_rows(prompts, sampler, key, lengths, budget))
    return decoding, empty_vocabulary(size)


def positions_of(tokens: jax.Array, lengths: jax.Array, start: Any = 0) -> jax.Array:
    """Return the positions of the columns `[.., T]` of prompts that begin at column `start`."""
    columns = start + lax.broadcasted_iota(jnp.int32, tokens.shape, tokens.ndim - 1)
    return jnp.where(columns < lengths[..., None], columns, -1)


def start_rows(
    sampler: Any,
    axes: Any,
    keys: jax.Array,
    tokens: jax.Array,
    lengths: jax.Array,
    remaining: jax.Array,
    max_length: int,
    size: int,
) -> tuple:
    """Return the fields of `Decoding` after the model's, for rows that have drawn nothing.

    Args:
        keys: `[B]` row keys.
        remaining: `[B]` int32, how many tokens may follow.
        sampler, axes, tokens, lengths, max_length, size: see `start_states`.
    """
    given = tokens, lengths, remaining, max_length, size
    state = start_states(sampler, axes, init_keys(keys), *given)
    zeros = jnp.zeros_like(lengths)
    recent = jnp.full((lengths.shape[0], RECENT), -1, jnp.int32)
    matched = jnp.zeros((lengths.shape[0], 2), jnp.int32)
    return state, keys, lengths, zeros, remaining, recent, matched, remaining <= 0


def start_states(
    sampler: Any,
    axes: Any,
    keys: jax.Array | None,
    tokens: jax.Array,
    lengths: jax.Array,
    budgets: jax.Array,
    max_length: int,
    size: int,
) -> Any:
    """Start the sampler's state of every row, with the `Prompt` of that row.

    Args:
        sampler: any transform.
        axes: `sampler_axes`, see `prefill`.
        keys: `[B]` from `init_keys`, or None.
        tokens: `[B, P]` int32, right-padded; each row is padded further to `max_length`.
        lengths: `[B]` int32, how many of the tokens are the prompt.
        budgets: `[B]` int32, how many tokens may follow.
        max_length: the largest number of tokens of prompt and output together.
        size: the size of the vocabulary, V.
    """
    tokens = jnp.pad(tokens, ((0, 0), (0, max(max_length - tokens.shape[1], 0))))

    def start(sampler, key, tokens, length, budget):
        return sampler.init(key, Prompt(tokens, length, budget, size))

    in_axes = (axes_prefix(axes), 0, 0, 0, 0)
    return jax.vmap(start, in_axes)(sampler, keys, tokens, lengths, budgets)
