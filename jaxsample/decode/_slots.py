"""The rows of a rollout on the device: reading prompts, filling slots, decoding, and results."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._contract import empty_cache
from jaxsample.decode._model_output import kept, last_output, vocab_size
from jaxsample.decode._prefill import positions_of, start_rows
from jaxsample.decode._sampler_axes import repeat_rows
from jaxsample.decode._step import Decoding, Ending, Step, advance
from jaxsample.decode._written import unwritten, write
from jaxsample.kernels._noise import as_key, fold_in


class Reading(NamedTuple):
    """R prompts of which the model has read some columns.

    Attributes:
        cache: the model's cache.
        logits: `[R, V]` after the last token that was read, or None if `unembed` computes them.
        hidden: `[R, D]`, or None.
    """

    cache: Any
    logits: jax.Array | None = None
    hidden: jax.Array | None = None


class Placing(NamedTuple):
    """R rows that enter slots.

    Attributes:
        source: `[R]` the row of the reading.
        slot: `[R]` the slot to fill; S for a row that enters none.
        index, sample: `[R]` the place of the prompt among all, and the number of the sample.
        key: `[R, 2]` the words of the keys of the prompts, or None if they come from the index.
        tokens: `[R, max_length]` the prompts, padded.
        lengths: `[R]` their lengths.
        budgets: `[R]` how many tokens may be drawn.
        sampler: the transforms of the rows, or None if all slots share one.
    """

    source: Any
    slot: Any
    index: Any
    key: Any
    sample: Any
    tokens: Any
    lengths: Any
    budgets: Any
    sampler: Any


class Slots(NamedTuple):
    """S rows at work, and what each has written. An idle slot is done.

    Attributes:
        decoding: the state of the rows.
        sampler: the transforms of the slots, or None if all share one.
        written: the steps of each row, arrays `[S, N, ..]`.
        invalid, invalid_logits: `[S]`, see `Generation`.
    """

    decoding: Decoding
    sampler: Any
    written: Step
    invalid: jax.Array
    invalid_logits: jax.Array


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def unread(model, rows, max_length):
    """Return prompts of which nothing is read."""
    return Reading(empty_cache(model, rows, max_length))


@functools.partial(jax.jit, static_argnums=1)
def begun(begin, rows):
    """Return prompts that all begin with what one row has read."""
    return Reading(*repeat_rows((begin.cache, begin.logits, begin.hidden), rows))


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def read(model, params, reading, tokens, lengths, start):
    """Read the columns `[R, W]` of prompts that begin at column `start`.

    Args:
        reading: from `unread`, or from the columns before.
        lengths: `[R]`, of the whole prompts.
        start: int32.
    """
    positions = positions_of(tokens, lengths, start)
    output = model.apply(params, tokens, positions, reading.cache)
    last = jnp.clip(lengths - 1 - start, 0, tokens.shape[1] - 1)
    seen = last_output(model, params, output, last)  # checks the output first
    after = Reading(output.cache, *seen)
    if reading.logits is None and reading.hidden is None:
        return after
    # A prompt that ended in an earlier part keeps what the model said there.
    return Reading(output.cache, *kept(after[1:], reading[1:], lengths > start))


def vocabulary(model, params, rows, max_length) -> int:
    """Return V of a model, without running it."""

    def apply(params):
        tokens = jnp.zeros((rows, 1), jnp.int32)
        reading = read(model, params, unread(model, rows, max_length), tokens, tokens[:, 0] + 1, 0)
        return reading[1:]

    return vocab_size(model, params, *jax.eval_shape(apply, params))


@functools.partial(jax.jit, static_argnums=(0, 6, 7, 8))
def idle(model, params, key, reading, placing, sampler, slots, steps, record):
    """Return idle slots for rows like those of `placing`, each with room for `steps` tokens."""

    def room(shape):
        return jnp.zeros((slots, *shape.shape[1:]), shape.dtype)

    row = functools.partial(_rows, model)
    rows = jax.eval_shape(row, params, key, reading, placing, sampler)
    decoding = jax.tree.map(room, rows._replace(keys=None, cache=None))
    decoding = decoding._replace(
        keys=as_key(jnp.zeros((slots, 2), jnp.uint32)),
        cache=empty_cache(model, slots, placing.tokens.shape[1]),
        done=jnp.ones(slots, bool),
    )
    own = jax.tree.map(lambda leaf: room(jnp.asarray(leaf)), placing.sampler)

    def drawn(params, decoding, sampler, own):
        return _advance(model, params, decoding, sampler, own, Ending.of((), (), 0), record)[1]

    steps_of = jax.eval_shape(drawn, params, decoding, sampler, own)
    written = unwritten(steps_of, slots, steps)
    no = jnp.zeros(slots, bool)
    return Slots(decoding, own, written, no, no)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def place(model, slots, params, key, reading, placing, sampler):
    """Let rows enter slots."""

    def put(all, new):
        return all.at[placing.slot].set(new, mode="drop")

    rows = _rows(model, params, key, reading, placing, sampler)
    no = jnp.zeros(placing.slot.shape, bool)
    return Slots(
        jax.tree.map(put, slots.decoding, rows),
        jax.tree.map(put, slots.sampler, placing.sampler),
        slots.written,
        put(slots.invalid, no),
        put(slots.invalid_logits, no),
    )


def _rows(model, params, key, reading, placing, sampler):
    """Start decoding of the rows that enter slots."""
    seen = jax.tree.map(lambda x: x[placing.source], reading)
    size = vocab_size(model, params, seen.logits, seen.hidden)
    if placing.key is None:
        keys = fold_in(jnp.broadcast_to(as_key(key), placing.index.shape), placing.index)
    else:
        keys = as_key(placing.key)
    if placing.sample is not None:
        keys = fold_in(keys, placing.sample)
    max_length = placing.tokens.shape[1]
    remaining = jnp.clip(jnp.minimum(placing.budgets, max_length - placing.lengths), 0)
    own = placing.sampler is not None
    given = placing.tokens, placing.lengths, remaining, max_length, size
    sampler, axes = (placing.sampler, 0) if own else (sampler, None)
    return Decoding(*seen, *start_rows(sampler, axes, keys, *given))


@functools.partial(jax.jit, static_argnums=(0, 7, 8), donate_argnums=2)
def decode(model, params, slots, sampler, ending, busy, wanted, record, chunk):
    """Take up to `chunk` steps, until `wanted` of the busy slots `[S]` are done.

    Returns:
        The slots, and for the host which of them are done and how many tokens each has.
    """
    steps = slots.written.tokens.shape[1]

    def more(carry):
        count, slots = carry
        ready = jnp.sum(busy & slots.decoding.done, dtype=jnp.int32)
        return (count < chunk) & (ready < wanted)

    def body(carry):
        count, slots = carry
        before = slots.decoding
        after, drawn = _advance(model, params, before, sampler, slots.sampler, ending, record)
        # A done or invalid row writes nothing.
        written = write(slots.written, drawn, before.n, drawn.live & ~drawn.invalid)
        after = after._replace(done=after.done | (after.n >= steps))
        invalid = slots.invalid | drawn.invalid
        logits = slots.invalid_logits | drawn.invalid_logits
        return count + 1, Slots(after, slots.sampler, written, invalid, logits)

    slots = lax.while_loop(more, body, (jnp.int32(0), slots))[1]
    return slots, (slots.decoding.done, slots.decoding.n)


def _advance(model, params, decoding, sampler, own, ending, record):
    given, axes = (sampler, None) if own is None else (own, 0)
    return advance(model, params, decoding, given, ending, record, axes)


@jax.jit
def results(written, invalid, invalid_logits, which):
    """Return what the slots `which` `[R]` have written."""
    return jax.tree.map(lambda x: x[which], (written, invalid, invalid_logits))
