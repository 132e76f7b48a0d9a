"""Texts of many batches in the slots of one rollout."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax

from jaxsample.decode._common import read_common
from jaxsample.decode._requests import Request
from jaxsample.decode._rollout import rollout
from jaxsample.study.draw._jobs import RECORD, Job, keys_of_items

if TYPE_CHECKING:
    from jaxsample.study.draw._program import Program

WIDEST = 1024  # columns of prompts that are read at once


def in_slots(program: Program, batches: Sequence[Sequence[Job]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the texts of batches in order, each as `at_once` does.

    When a text ends, the next text of any batch takes its slot. The common beginning of all prompts
    is read once.
    """
    jobs = [job for batch in batches for job in batch]
    # The samples of one prompt, which is read once.
    groups = [list(some) for _, some in itertools.groupby(jobs, lambda job: job[:3])]
    checkpoint, max_length = program.source.checkpoint, program.width + program.new
    model, params = checkpoint.model, checkpoint.params
    after = read_common(model, params, program.prompts, max_length=max_length, chunk=WIDEST)
    read = 0 if after is None else int(after.position[0])
    finished = rollout(
        None,
        model,
        params,
        _requests(program, groups),
        None,
        slots=program.size,
        max_length=max_length,
        max_new_tokens=program.new,
        budget=program.new,
        widths=(min(max(program.width - read, 1), WIDEST),),
        samples=1 + max(job.sample for job in jobs),
        eos=program.source.eos,
        after=after,
        record=RECORD,
    )
    ended: dict[tuple[int, int], dict[str, Any]] = {}
    places = ((index, job.sample) for index, some in enumerate(groups) for job in some)
    for batch in batches:
        own = list(itertools.islice(places, len(batch)))
        while not ended.keys() >= set(own):
            one = next(finished)
            ended[one.index, one.sample] = one._asdict()
        yield [ended.pop(place) for place in own]


def _requests(program, groups):
    samplers = jax.device_get([setting.sampler for setting in program.settings])
    firsts = [some[0] for some in groups]
    keys = jax.device_get(jax.random.key_data(keys_of_items(firsts)))
    for some, first, key in zip(groups, firsts, keys, strict=True):
        samples = [job.sample for job in some]
        prompt, sampler = program.prompts[first.item], samplers[first.setting]
        yield Request(prompt, sampler, samples=samples, key=key)
