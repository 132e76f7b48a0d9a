"""Many settings x prompts x seeds through one compiled `generate`."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsample.decode._arguments import positive_int
from jaxsample.learn._progress import bar
from jaxsample.study.draw._data import Item
from jaxsample.study.draw._program import Job, Program
from jaxsample.study.draw._settings import Setting, checked
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Lines, Memory, Parquet, Row, Store
from jaxsample.study.draw._versions import versions

ARGUMENTS = "sweep.json"
STORES = {"jsonl": Lines, "parquet": Parquet}


class Sweep(NamedTuple):
    """What a sweep made.

    Attributes:
        rows: a dict for each text: "setting", "chain" (the sampler as data), "item", "seed",
            "sample", "prompt", "text", "tokens", per token "logprobs", "model_logprobs",
            "entropy" (nats) and "kept", then "ended" (by an eos), "invalid" (it met a NaN), "model"
            (a sha256 of the weights) and "versions".
        tokens: how many this run drew; what was on disk before does not count.
        seconds: how long that took, compiling included.

    >>> Sweep([], 0, 0.0).rows
    []
    """

    rows: list[Row]
    tokens: int
    seconds: float


def sweep(
    source: Source,
    settings: Sequence[Setting],
    items: Sequence[Item],
    *,
    seeds: Sequence[int] = (0,),
    samples: int = 1,
    max_new_tokens: int | None = None,
    batch_size: int = 64,
    out: str | Path | None = None,
    format: str = "jsonl",
    progress: bool = False,
) -> Sweep:
    """Draw `samples` texts for every setting, item and seed.

    Settings of one structure share batches, a setting per row, and one compiled program. The text
    of (item, seed, sample) is drawn with the same key under every setting, so that settings are
    compared on common random numbers.

    Args:
        source: the model with its tokenizer.
        settings: see `Setting`, `grid` and `read_settings`.
        items: the prompts; a setting with a combiner needs their `without`.
        seeds: whole numbers in [0, 2**32).
        samples: texts per setting, item and seed.
        max_new_tokens: most tokens of a text; by default 128, or fewer where the model's context
            ends.
        batch_size: rows decoded at once.
        out: a folder the rows are written to as they come. A run that was cut off goes on there,
            and repeats or loses no row. None keeps them in memory.
        format: "jsonl" (the file rows.jsonl) or "parquet" (the folder rows.parquet).
        progress: show a bar with time left.

    Raises:
        ValueError: if an argument makes no sense, or `out` holds another sweep.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> settings = [Setting("greedy", Temperature(0.0)), Setting("plain", Temperature(1.0))]
    >>> made = sweep(source, settings, [Item("a", "Once upon a time")], max_new_tokens=8)
    >>> [(row["setting"], len(row["tokens"])) for row in made.rows]
    [('greedy', 8), ('plain', 8)]
    """
    settings, items = checked(settings), _distinct(items)
    if format not in STORES:
        raise ValueError(f"format must be one of {', '.join(STORES)}, got {format!r}")
    samples, size = positive_int("samples", samples), positive_int("batch_size", batch_size)
    new = None if max_new_tokens is None else positive_int("max_new_tokens", max_new_tokens)
    program = Program(source, settings, items, new, size)
    batches, starts = [], [0]
    for group in program.groups():
        jobs = [
            Job(setting, item, seed, sample)
            for setting in group
            for item in range(len(items))
            for seed in seeds
            for sample in range(samples)
        ]
        for at in range(0, len(jobs), size):
            batches.append(jobs[at : at + size])
            starts.append(starts[-1] + len(batches[-1]))
    arguments = {
        "settings": [[s.name, c] for s, c in zip(settings, program.chains, strict=True)],
        "items": hashlib.sha256(json.dumps(items).encode()).hexdigest(),
        "seeds": list(seeds),
        "samples": samples,
        "max_new_tokens": program.new,
        "batch_size": size,
        "format": format,
        "model": program.digest,
        "versions": versions(),
    }
    store = Memory() if out is None else _open(Path(out), STORES[format], arguments)
    done = starts.index(store.resume(starts))
    begun, tokens = time.perf_counter(), 0
    with bar(progress, starts[-1], starts[done]) as show:
        for at in range(done, len(batches)):
            rows = program.run(batches[at])
            store.append(rows)
            tokens += sum(len(row["tokens"]) for row in rows)
            show(starts[at + 1], {"tokens/s": tokens / (time.perf_counter() - begun)})
    return Sweep(store.read(), tokens, time.perf_counter() - begun)


def _distinct(items: Sequence[Item]) -> list[Item]:
    if not items:
        raise ValueError("there are no prompts to run")
    twice = [name for name, n in Counter(item.id for item in items).items() if n > 1]
    if twice:
        raise ValueError(f"two prompts have the id {twice[0]!r}; ids tell rows apart")
    return list(items)


def _open(folder: Path, kind: type, arguments: dict[str, Any]) -> Store:
    """Open the store in a folder, which no other sweep may have used."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ARGUMENTS
    arguments = json.loads(json.dumps(arguments))
    if path.exists():
        there = json.loads(path.read_text("utf-8"))
        other = [name for name, value in arguments.items() if there.get(name) != value]
        if other:
            raise ValueError(
                f"{folder} holds a sweep with other {', '.join(other)}; give another folder, or "
                "the arguments it was made with"
            )
    else:
        path.write_text(json.dumps(arguments, indent=1) + "\n", "utf-8")
    return kind(folder)
