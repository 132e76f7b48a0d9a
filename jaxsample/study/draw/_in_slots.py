"""Texts of many batches in the slots of one rollout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax

from jaxsample.decode._common import read_common
from jaxsample.decode._requests import Request
from jaxsample.decode._rollout import rollout
from jaxsample.study.draw._jobs import RECORD, Job, keys_of

if TYPE_CHECKING:
    from jaxsample.study.draw._program import Program

WIDEST = 1024  # columns of prompts that are read at once


def in_slots(program: Program, batches: Sequence[Sequence[Job]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the texts of batches in order, each as `at_once` does.

    A text that ends makes room for the next of any batch. What all prompts begin with is read once.
    """
    checkpoint, max_length = program.source.checkpoint, program.width + program.new
    model, params = checkpoint.model, checkpoint.params
    after = read_common(model, params, program.prompts, max_length=max_length, chunk=WIDEST)
    read = 0 if after is None else int(after.position[0])
    finished = rollout(
        None,
        model,
        params,
        _requests(program, batches),
        None,
        slots=program.size,
        max_length=max_length,
        max_new_tokens=program.new,
        budget=program.new,
        widths=(min(max(program.width - read, 1), WIDEST),),
        eos=program.source.eos,
        after=after,
        record=RECORD,
    )
    ended: dict[int, dict[str, Any]] = {}
    count = 0
    for batch in batches:
        places = range(count, count + len(batch))
        count += len(batch)
        while not ended.keys() >= set(places):
            one = next(finished)
            ended[one.index] = one._asdict()
        yield [ended.pop(place) for place in places]


def _requests(program, batches):
    samplers = jax.device_get([setting.sampler for setting in program.settings])
    for batch in batches:
        keys = jax.device_get(jax.random.key_data(keys_of(batch)))
        for job, key in zip(batch, keys, strict=True):
            yield Request(program.prompts[job.item], samplers[job.setting], key=key)
