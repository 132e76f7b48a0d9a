"""The time of a step by the size of the cache. The number of tokens in it is the same.

A step is (time of N tokens - time of one) / (N - 1), as in `steps.py`.
"""

from __future__ import annotations

import dataclasses
import statistics

import jax
from harness.report import recorded
from harness.turns import take_turns, timed

from jaxsample import TopK, prefill, resume
from jaxsample_models import as_model

from .serving import prompts_of

WRITTEN = 64
ROOMS = (512, 2048, 8192)
QUICK = (256, 512)


def measure(decoder, batch: int, steps: int, rounds: int, budget: float, rooms, least: int):
    """Return the seconds of a step of our decoder for each size of the cache."""
    config = dataclasses.replace(decoder.config, max_length=max(rooms))
    model, greedy = as_model(config), TopK(1)
    prompts = prompts_of(batch, WRITTEN, config.vocab_size)

    def read(room):
        return prefill(jax.random.key(0), model, decoder.params, prompts, greedy, max_length=room)

    def arm(start, n):
        def call(_):
            out = resume(model, decoder.params, start, greedy, max_new_tokens=n, record=())
            jax.block_until_ready(out.tokens)

        return timed(call)

    starts = {room: read(room) for room in rooms}
    arms = {(room, n): arm(starts[room], n) for room in rooms for n in (steps, 1)}
    times = take_turns(arms, rounds, budget, least)
    found = {}
    for room in rooms:
        base = statistics.median(times[room, 1])
        runs = [(seconds - base) / (steps - 1) for seconds in times[room, steps]]
        found[f"max_length {room}"] = runs
    return {"batch": batch, "arms": recorded(found)}
