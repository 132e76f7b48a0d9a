"""`generate` with slots: many prompts pass through a few rows, in one program on the device."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode import _slots
from jaxsample.decode._arguments import check_ids, check_prompts, on_device
from jaxsample.decode._contract import streams_of
from jaxsample.decode._generation import Generation, generation_of
from jaxsample.decode._keys import row_keys
from jaxsample.decode._model import Model
from jaxsample.decode._prefill import check_rows
from jaxsample.decode._sampler_axes import map_rows
from jaxsample.decode._step import Ending
from jaxsample.transforms.contract._transform import Transform


def generate_in_slots(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: Any,
    sampler: Transform,
    ending: Ending,
    record: tuple,
    slots: Any,
    refill: Any,
    *,
    max_new_tokens: int,
    max_length: int | None,
    lengths: Any,
    budget: Any,
    samples: int | None,
    sampler_axes: Any,
) -> Generation:
    """Return the output of `generate`, whose arguments these are, without its `decoding`.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.
    """
    slots, refill = _slots.check_slots(slots, refill)
    if streams_of(model) > 1:
        raise ValueError("slots is for models of one stream; leave it out")
    prompts = check_prompts(prompts, 1)
    room = prompts.shape[1] + max_new_tokens if max_length is None else max_length
    given = model, prompts, sampler, room, lengths, budget, samples, sampler_axes
    prompts, room, lengths, budget, samples = check_rows(*given)
    # All prompts may take long, so their tokens are checked before.
    size = _slots.vocabulary(model, params, refill, room)
    check_ids("prompts", prompts, lengths, size)
    ending.check(size)
    given = on_device((params, prompts, sampler, key, lengths, budget, ending))
    static = slots, refill, max_new_tokens, room, samples, sampler_axes, record
    return _in_slots(model, *given, *static)


@functools.partial(jax.jit, static_argnums=(0, *range(8, 15)))
def _in_slots(
    model, params, prompts, sampler, key, lengths, budget, ending,
    slots, refill, length, max_length, samples, axes, record,
):  # fmt: skip
    batch, width = prompts.shape
    count = samples or 1
    keys = row_keys(key, batch)
    busy = jnp.ones(slots, bool)

    def placing_of(first):
        """Return how the prompts from `first` on enter slots; those past the last enter none."""
        index = first + jnp.arange(refill, dtype=jnp.int32)
        at = jnp.minimum(index, batch - 1)
        return _slots.Placing(
            source=jnp.arange(refill, dtype=jnp.int32),
            slot=jnp.full(refill, slots, jnp.int32),
            line=index * count,
            index=at,
            key=None,
            sample=None if samples is None else jnp.zeros(refill, jnp.int32),
            tokens=jnp.pad(prompts[at], ((0, 0), (0, max_length - width))),
            lengths=lengths[at],
            budgets=budget[at],
            sampler=None if axes is None else map_rows(lambda x: x[at], axes, sampler),
        )

    def read(placing):
        unread = _slots.unread(model, refill, max_length)
        tokens = placing.tokens[:, :width]
        return _slots.read(model, params, unread, tokens, placing.lengths, 0)

    def group(state, first):
        placing = placing_of(first)
        reading = read(placing)

        def enter(state, sample):
            free = jnp.flatnonzero(state.decoding.done, size=refill, fill_value=slots)
            there = placing.line < batch * count
            entering = placing._replace(
                slot=jnp.where(there, free, slots), line=placing.line + sample
            )
            if samples is not None:
                entering = entering._replace(sample=jnp.broadcast_to(sample, refill))
            given = params, keys, reading, entering, sampler, axes
            state = _slots.place(model, state, *given)
            last = (first + refill >= batch) & (sample == count - 1)
            wanted = jnp.where(last, slots, refill)
            given = params, state, sampler, ending, busy, wanted, record, length, axes
            return _slots.decode(model, *given)[0], None

        return lax.scan(enter, state, jnp.arange(count, dtype=jnp.int32))

    placing = placing_of(jnp.int32(0))
    shapes = jax.eval_shape(read, placing)
    options = slots, batch * count, length, record, axes
    state = _slots.idle(model, params, keys, shapes, placing, sampler, *options)
    state, _ = lax.scan(group, state, jnp.arange(0, batch, refill, dtype=jnp.int32))
    steps = state.written
    steps = steps._replace(tokens=jnp.where(steps.live, steps.tokens, ending.pad))
    return generation_of(steps, None, samples)
