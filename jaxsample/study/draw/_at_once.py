"""One batch of texts, decoded until the last has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._generate import generate
from jaxsample.decode._guidance import guided
from jaxsample.learn._hosts import by_rows, whole
from jaxsample.study.draw._jobs import RECORD, Job, keys_of
from jaxsample.transforms.contract._stack import stack

if TYPE_CHECKING:
    from jaxsample.study.draw._program import Program


def at_once(program: Program, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
    """Yield the tokens and records of each job, arrays `[n]`, and whether it turned invalid."""
    # A short batch is filled with rows of budget 0.
    full = [*jobs, *[jobs[0]] * (program.size - len(jobs))]
    budget = jnp.where(jnp.arange(program.size) < len(jobs), program.new, 0)
    settings = [program.settings[job.setting] for job in full]
    model, params = program.source.checkpoint.model, program.source.checkpoint.params
    place = by_rows(params)
    prompts, lengths = _padded(program.prompts, full, program.width)
    if settings[0].combiner is not None:
        combiner = place(stack([s.combiner for s in settings if s.combiner is not None]))
        model, params = guided(model, combiner, axes=0), (params, combiner)
        others, their = _padded(program.without, full, program.width)
        prompts, lengths = np.stack([prompts, others], 1), np.stack([lengths, their], 1)
    sampler = stack([s.sampler for s in settings])
    rows = keys_of(full), jnp.asarray(prompts), sampler, jnp.asarray(lengths), budget
    keys, prompts, sampler, lengths, budget = place(rows)
    out = generate(
        keys,
        model,
        params,
        prompts,
        sampler,
        max_new_tokens=program.new,
        max_length=program.width + program.new,
        lengths=lengths,
        budget=budget,
        eos=program.source.eos,
        sampler_axes=0,
        record=RECORD,
    )
    found = {name: getattr(out, name) for name in ("tokens", *RECORD)}
    found, lengths, invalid = jax.tree.map(whole, (found, out.lengths, out.invalid))
    for i in range(len(jobs)):
        yield {name: x[i, : lengths[i]] for name, x in found.items()} | {"invalid": invalid[i]}


def _padded(prompts, jobs, width):
    tokens = np.zeros((len(jobs), width), np.int32)
    for row, job in zip(tokens, jobs, strict=True):
        row[: len(prompts[job.item])] = prompts[job.item]
    return tokens, np.asarray([len(prompts[job.item]) for job in jobs], np.int32)
