"""Slots on the device, for many prompts: reading prompts, filling slots, decoding, and results."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._arguments import positive_int
from jaxsample.decode._contract import empty_cache
from jaxsample.decode._keys import keys_at
from jaxsample.decode._model_output import kept, last_output, vocab_size
from jaxsample.decode._prefill import positions_of, start_rows
from jaxsample.decode._sampler_axes import map_rows, repeat_rows
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
        line: `[R]` where the row writes its steps; a number too large for one that enters no slot.
        index, sample: `[R]` the place of the prompt among all, and the number of the sample.
        key: `[R, 2]` the words of the keys of the prompts, or None if they come from the index.
        tokens: `[R, max_length]` the prompts, padded.
        lengths: `[R]` their lengths.
        budgets: `[R]` how many tokens may be drawn.
        sampler: the transforms of the rows, or None if all slots share one.
    """

    source: Any
    slot: Any
    line: Any
    index: Any
    key: Any
    sample: Any
    tokens: Any
    lengths: Any
    budgets: Any
    sampler: Any


class Slots(NamedTuple):
    """S rows at work, and what rows have written. An idle slot is done.

    Attributes:
        decoding: the state of the rows.
        sampler: the transforms of the slots, or None if all share one.
        line: `[S]` where each slot writes.
        written: the steps of rows, arrays `[lines, N, ..]`.
    """

    decoding: Decoding
    sampler: Any
    line: jax.Array
    written: Step


def check_slots(slots: int, refill: int | None) -> tuple[int, int]:
    """Return the number of slots and how many are filled at once, an eighth by default.

    Raises:
        ValueError: if one is no positive int, or more are to be filled than there are.
    """
    slots = positive_int("slots", slots)
    refill = max(1, slots // 8) if refill is None else positive_int("refill", refill)
    if refill > slots:
        raise ValueError(f"refill must be at most the {slots} slots, got {refill}")
    return slots, refill


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


def idle(model, params, key, reading, placing, sampler, slots, lines, steps, record, axes):
    """Return idle slots for rows like those of `placing`, and `lines` of room for `steps` tokens.

    Args:
        reading, placing: values of these, or their shapes.
        axes: the `sampler_axes` of the transforms in `placing`; None if all slots share `sampler`.
    """

    def room(shape):
        return jnp.zeros((slots, *shape.shape[1:]), shape.dtype)

    row = functools.partial(_rows, model, axes=axes)
    rows = jax.eval_shape(row, params, key, reading, placing, sampler)
    decoding = jax.tree.map(room, rows._replace(cache=None))
    decoding = decoding._replace(
        cache=empty_cache(model, slots, placing.tokens.shape[1]), done=jnp.ones(slots, bool)
    )
    own = map_rows(room, axes, placing.sampler)

    def drawn(params, decoding, sampler, own):
        ending = Ending.of((), (), 0)
        return _advance(model, params, decoding, sampler, own, ending, record, axes)[1]

    steps_of = jax.eval_shape(drawn, params, decoding, sampler, own)
    return Slots(decoding, own, jnp.zeros(slots, jnp.int32), unwritten(steps_of, lines, steps))


@functools.partial(jax.jit, static_argnums=(0, 7), donate_argnums=1)
def place(model, slots, params, key, reading, placing, sampler, axes):
    """Let rows enter slots."""

    def put(all, new):
        return all.at[placing.slot].set(new, mode="drop")

    def erase(all):
        return all.at[placing.line].set(jnp.zeros((), all.dtype), mode="drop")

    rows = _rows(model, params, key, reading, placing, sampler, axes)
    return Slots(
        jax.tree.map(put, slots.decoding, rows),
        map_rows(put, axes, slots.sampler, placing.sampler),
        put(slots.line, placing.line),
        jax.tree.map(erase, slots.written),
    )


def _rows(model, params, key, reading, placing, sampler, axes):
    """Start decoding of the rows that enter slots."""
    seen = jax.tree.map(lambda x: x[placing.source], reading)
    size = vocab_size(model, params, seen.logits, seen.hidden)
    own = placing.key is not None
    keys = as_key(placing.key) if own else keys_at(as_key(key), placing.index)
    if placing.sample is not None:
        keys = fold_in(keys, placing.sample)
    max_length = placing.tokens.shape[1]
    remaining = jnp.clip(jnp.minimum(placing.budgets, max_length - placing.lengths), 0)
    given = placing.tokens, placing.lengths, remaining, max_length, size
    sampler = sampler if axes is None else placing.sampler
    return Decoding(*seen, *start_rows(sampler, axes, keys, *given))


@functools.partial(jax.jit, static_argnums=(0, 7, 8, 9), donate_argnums=2)
def decode(model, params, slots, sampler, ending, busy, wanted, record, chunk, axes):
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
        old = slots.decoding
        new, drawn = _advance(model, params, old, sampler, slots.sampler, ending, record, axes)
        written = write(slots.written, drawn, old.n, drawn.live, slots.line)
        new = new._replace(done=new.done | (new.n >= steps))
        return count + 1, slots._replace(decoding=new, written=written)

    slots = lax.while_loop(more, body, (jnp.int32(0), slots))[1]
    return slots, (slots.decoding.done, slots.decoding.n)


def _advance(model, params, decoding, sampler, own, ending, record, axes):
    given = sampler if axes is None else own
    return advance(model, params, decoding, given, ending, record, axes)


@jax.jit
def results(written, which):
    """Return what the slots `which` `[R]` have written, and whether they turned invalid."""
    found = jax.tree.map(lambda x: x[which], written)
    return found, jnp.any(found.invalid, axis=1), jnp.any(found.invalid_logits, axis=1)
