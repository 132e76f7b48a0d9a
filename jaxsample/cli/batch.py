"""Draw texts for all prompts of a file, through slots that refill."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

import jaxsample
from jaxsample.cli.batch_progress import Shown
from jaxsample.cli.batch_prompts import BatchPrompt, BatchPrompts
from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.decoding import RECORD, packed, pieces_of, rounded
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.json_lines import KEYS, described
from jaxsample.cli.opening import open_model, sampler_of
from jaxsample.cli.paths import naming
from jaxsample.cli.recommendation import Lengths
from jaxsample.cli.rows_file import opened
from jaxsample.cli.terminal import terminals
from jaxsample.interop import Transcript

if TYPE_CHECKING:
    from jaxsample import Finished, Transform
    from jaxsample.study import Source

NEW_TOKENS = 256


def batch(
    prompts: BatchPrompts,
    out: Path,
    model: Path | None,
    flags: SamplerFlags,
    *,
    seed: int,
    samples: int,
    slots: int,
    max_new_tokens: int | None,
    max_length: int | None,
    stop: Sequence[str],
    dtype: str,
) -> None:
    """Write a row for each text to a file as soon as it is drawn, and remarks on stderr.

    Raises:
        ValueError: if an argument, the model, a prompt or the file is wrong.
    """
    flags.members()  # refuses wrong values before the model is loaded
    _, notes = terminals()
    source = open_model(model, dtype)
    longest = source.context if max_length is None else max_length
    if longest > source.context:
        raise ValueError(f"--max-length: {source.name} has {source.context} positions")
    found = prompts.read(source, longest)
    most = NEW_TOKENS if max_new_tokens is None else max_new_tokens
    rooms = [min(most, longest - len(prompt.ids)) for prompt in found]
    lengths = {Lengths(len(p.ids), room) for p, room in zip(found, rooms, strict=True)}
    sampler = sampler_of(flags, source, notes, lengths.pop() if len(lengths) == 1 else None)
    if max_new_tokens is not None and (short := sum(room < most for room in rooms)):
        said = f"{short} of {len(found)} prompts leave room for fewer than {most} tokens"
        notes.print(said, style="dim")
    settings = {
        "version": jaxsample.__version__,
        "model": source.name,
        "parameters": source.digest[:16],
        "dtype": dtype,
        "eos": source.eos,
        "sampler": repr(sampler),
        "values": _digest(sampler),
        "seed": seed,
        "max_new_tokens": most,
        "max_length": longest,
        "stop": list(stop),
        "chat": prompts.chat,
        "system": prompts.system,
    }
    shared = {"seed": seed, "model": source.name, "sampler": repr(sampler)}
    keep_compiled()
    given = [prompt.given for prompt in found]
    decoder = source.checkpoint.model, source.checkpoint.params
    length = min(rounded(_longest(found, rooms)), source.context)
    with naming(out), opened(out, settings, given, samples) as rows:
        total = len(found) * samples
        with Shown(notes, total, len(rows.done)) as shown:
            drawn = jaxsample.rollout(
                jax.random.key(seed),
                *decoder,
                _requests(found, rooms, samples, rows.done),
                sampler,
                slots=min(slots, total),
                max_length=length,
                max_new_tokens=max(rooms),
                samples=samples,
                eos=source.eos,
                stop=packed(source, stop),
                after=jaxsample.read_common(*decoder, [p.ids for p in found], max_length=length),
                record=RECORD,
            )
            for finished in drawn:
                prompt = found[finished.index]
                row = shared | {"index": finished.index, "id": prompt.id}
                row |= _row(source, prompt, finished, rooms[finished.index], stop)
                rows.add({key: row[key] for key in ("index", "id", *KEYS)})
                shown.add(row["finish_reason"], len(row["tokens"]))
    notes.print(shown.summary(out, most), style="dim", markup=False, soft_wrap=True)


def _digest(sampler: Transform) -> str:
    """Return a digest of the values of a sampler, which its text may leave out."""
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(sampler):
        array = np.asarray(leaf)
        found.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()[:16]


def _longest(prompts, rooms):
    return max(len(p.ids) + room for p, room in zip(prompts, rooms, strict=True))


def _requests(
    prompts: Sequence[BatchPrompt], rooms: Sequence[int], samples: int, done: set[tuple[int, int]]
) -> Iterator[jaxsample.Request]:
    """Yield the prompts whose texts are not all done."""
    for index, (prompt, room) in enumerate(zip(prompts, rooms, strict=True)):
        missing = [sample for sample in range(samples) if (index, sample) not in done]
        if missing:
            ids = np.asarray(prompt.ids, np.int32)
            yield jaxsample.Request(ids, budget=room, index=index, samples=missing)


def _row(
    source: Source, prompt: BatchPrompt, finished: Finished, room: int, stop: Sequence[str]
) -> dict[str, Any]:
    text = Transcript(source.tokenizer, prompt.ids, stop)
    columns = [getattr(finished, name) for name in ("tokens", *RECORD)]
    pieces = list(pieces_of(finished.sample, text, columns, source.eos, room, True))
    reason = "stop" if pieces and pieces[-1].ended else "length"
    if finished.invalid:
        reason = "invalid"
    return {"sample": finished.sample, "prompt": prompt.text, **described(pieces, reason)}
