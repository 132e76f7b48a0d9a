"""One batch of texts, decoded until the last has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._generate import generate, resume
from jaxsample.decode._guidance import guided
from jaxsample.decode._prefill import prefill
from jaxsample.learn._hosts import by_rows, whole
from jaxsample.study.draw._jobs import RECORD, Job, keys_of
from jaxsample.study.draw._two_streams import read_both
from jaxsample.transforms.contract._stack import stack

if TYPE_CHECKING:
    from jaxsample.study.draw._program import Program


def at_once(program: Program, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
    """Yield the tokens and records of each job, arrays `[n]`, and whether it turned invalid."""
    # A short batch is filled with rows of budget 0.
    full = [*jobs, *[jobs[0]] * (program.size - len(jobs))]
    budget = jnp.where(jnp.arange(program.size) < len(jobs), program.new, 0)
    combined = program.settings[jobs[0].setting].combiner is not None
    out = _of_two(program, full, budget) if combined else _of_one(program, full, budget)
    found = {name: getattr(out, name) for name in ("tokens", *RECORD)}
    found, lengths, invalid = jax.tree.map(whole, (found, out.lengths, out.invalid))
    for i in range(len(jobs)):
        yield {name: x[i, : lengths[i]] for name, x in found.items()} | {"invalid": invalid[i]}


def _of_one(program, full, budget):
    checkpoint = program.source.checkpoint
    prompts, lengths = _padded(program.prompts, full, program.width)
    sampler = stack([program.settings[job.setting].sampler for job in full])
    rows = keys_of(full), jnp.asarray(prompts), sampler, jnp.asarray(lengths), budget
    keys, prompts, sampler, lengths, budget = by_rows(checkpoint.params)(rows)
    return generate(
        keys,
        checkpoint.model,
        checkpoint.params,
        prompts,
        sampler,
        max_length=program.width + program.new,
        lengths=lengths,
        budget=budget,
        **_options(program),
    )


def _of_two(program, full, budget):
    """Decode with the combiners of the settings; the common beginning of all is read once."""
    model, params = program.source.checkpoint.model, program.source.checkpoint.params
    settings = [program.settings[job.setting] for job in full]
    shared = program.common is not None
    some = list({job.item: job for job in full}.values()) if shared else full
    # A number of prompts that is a power of two lets batches share a program.
    some += [some[0]] * ((1 << (len(some) - 1).bit_length()) - len(some) if shared else 0)
    place = {job.item: i for i, job in reversed(list(enumerate(some)))}
    ours, lengths = _padded(program.prompts, some, program.width)
    others, their = _padded(program.without, some, program.width)
    given = (
        keys_of(full),
        jnp.stack([ours, others], 1),
        stack([setting.sampler for setting in settings]),
        jnp.stack([lengths, their], 1),
        budget,
        stack([setting.combiner for setting in settings if setting.combiner is not None]),
    )
    keys, prompts, sampler, lengths, budget, combiner = by_rows(params)(given)
    read = dict(lengths=lengths, budget=budget, max_length=program.width + program.new)
    both = guided(model, combiner, axes=0)
    if shared:
        rows = jnp.asarray([place[job.item] for job in full])
        given = keys, model, (params, combiner), prompts, sampler
        decoding = read_both(*given, rows=rows, after=program.common, **read)
    else:
        given = keys, both, (params, combiner), prompts, sampler
        decoding = prefill(*given, sampler_axes=0, **read)
    return resume(both, (params, combiner), decoding, sampler, **_options(program))


def _options(program):
    return {
        "max_new_tokens": program.new,
        "eos": program.source.eos,
        "sampler_axes": 0,
        "record": RECORD,
    }


def _padded(prompts, jobs, width):
    tokens = np.zeros((len(jobs), width), np.int32)
    for row, job in zip(tokens, jobs, strict=True):
        row[: len(prompts[job.item])] = prompts[job.item]
    return tokens, np.asarray([len(prompts[job.item]) for job in jobs], np.int32)
