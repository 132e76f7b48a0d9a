"""Draw texts for many settings, prompts and seeds with one compiled program."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import operator
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxsample.decode._arguments import positive_int
from jaxsample.interop._files import read_json, write_whole
from jaxsample.learn._hosts import by_all, gathered, is_first, of_first, reported
from jaxsample.learn._progress import bar
from jaxsample.study.draw._item import Item
from jaxsample.study.draw._jobs import Job
from jaxsample.study.draw._program import Program
from jaxsample.study.draw._settings import Setting, checked
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import LINES, PARTS, Lines, Memory, Parquet, Place, Row, Store
from jaxsample.study.draw._sweep_folder import locked, writable, writing
from jaxsample.study.draw._versions import versions

ARGUMENTS = "sweep.json"
KEPT = "start all processes again with the same arguments; with `out` the sweep resumes"
STORES = {"jsonl": Lines, "parquet": Parquet}
SHAPE = {
    "settings": [list],
    "items": str,
    "seeds": [int],
    "samples": int,
    "max_new_tokens": int,
    "batch_size": int,
    "format": str,
    "model": str,
    "versions": dict,
}


class Sweep(NamedTuple):
    """The rows of a sweep, and how fast they were drawn.

    Attributes:
        rows: a dict for each text: "setting", "chain" (the sampler as data), "item", "seed",
            "sample", "prompt", "text", "tokens"; for each token "logprobs", "model_logprobs",
            "entropy" (nats) and "kept"; then "ended" (by an eos), "invalid" (a row of logits was
            NaN), "model" (a sha256 of the weights) and "versions".
        tokens: the number of tokens that this run drew, without those that were on disk before.
        seconds: the time that took, with compilation.

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

    In a run of several processes (`jax.distributed`) all of them call it with the same arguments.
    If each has the whole model, each draws every so many-th batch; if the weights lie on a mesh of
    all devices, all draw each batch together. The first process writes all rows, and each returns
    all rows, which are those of one process.

    Args:
        source: the model with its tokenizer.
        settings: see `Setting`, `grid` and `read_settings`.
        items: the prompts; a setting with a combiner needs their `without`.
        seeds: whole numbers in [0, 2**32).
        samples: the number of texts per setting, item and seed.
        max_new_tokens: the largest number of tokens of a text; by default 128, or fewer if the
            model's context is shorter.
        batch_size: the number of texts decoded at once.
        out: a folder; each batch of rows is written there when it is drawn. A sweep that was
            interrupted resumes from that folder and neither repeats nor loses a row. One sweep at a
            time can use a folder. None keeps the rows in memory.
        format: "jsonl" (the file rows.jsonl) or "parquet" (the folder rows.parquet).
        progress: show a bar with the time left.

    Raises:
        ValueError: if an argument is invalid, `out` cannot be written, another process uses it,
            it holds another sweep, or a file in it is damaged.
        RuntimeError: if another process was killed or failed. The batches before are kept.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> settings = [Setting("greedy", Temperature(0.0)), Setting("plain", Temperature(1.0))]
    >>> made = sweep(source, settings, [Item("a", "Once upon a time")], max_new_tokens=8)
    >>> [(row["setting"], len(row["tokens"])) for row in made.rows]
    [('greedy', 8), ('plain', 8)]
    """
    settings, items, seeds = checked(settings), _distinct(items), _seeds(seeds)
    if format not in STORES:
        raise ValueError(f"format must be one of {', '.join(STORES)}, got {format!r}")
    samples, size = positive_int("samples", samples), positive_int("batch_size", batch_size)
    new = None if max_new_tokens is None else positive_int("max_new_tokens", max_new_tokens)
    program = Program(source, settings, items, new, size)
    batches: list[list[Job]] = []
    for group in program.groups():
        jobs = [
            Job(setting, item, seed, sample)
            for setting in group
            for item in range(len(items))
            for seed in seeds
            for sample in range(samples)
        ]
        batches += [jobs[at : at + size] for at in range(0, len(jobs), size)]
    places: list[list[Place]] = [
        [(settings[j.setting].name, items[j.item].id, j.seed, j.sample) for j in batch]
        for batch in batches
    ]
    arguments = {
        "settings": [[s.name, c] for s, c in zip(settings, program.chains, strict=True)],
        "items": hashlib.sha256(json.dumps(items).encode()).hexdigest(),
        "seeds": seeds,
        "samples": samples,
        "max_new_tokens": program.new,
        "batch_size": size,
        "format": format,
        "model": program.digest,
        "versions": versions(),
    }
    arguments = json.loads(json.dumps(arguments))
    _agreed(arguments)
    with contextlib.ExitStack() as stack:
        stack.enter_context(reported(KEPT))
        store: Store = Memory()

        def opened() -> int:
            nonlocal store
            if out is not None:
                writable(Path(out))
                stack.enter_context(locked(Path(out)))
                store = _open(Path(out), STORES[format], arguments)
            return store.resume(places)

        done = of_first(opened)
        total, drawn = sum(map(len, batches)), sum(map(len, batches[:done]))
        begun, tokens = time.perf_counter(), 0
        show = stack.enter_context(bar(progress and is_first(), total, drawn))
        for some in _turns(program, batches[done:]):
            for rows in some:
                of_first(functools.partial(store.append, rows))
                tokens += sum(len(row["tokens"]) for row in rows)
                drawn += len(rows)
            show(drawn, {"tokens/s": tokens / (time.perf_counter() - begun)})
        return Sweep(of_first(store.read), tokens, time.perf_counter() - begun)


def _turns(program: Program, batches: list[list[Job]]) -> Iterator[list[list[Row]]]:
    """Yield the rows of the next batches, those of all processes, one each.

    If the model lies on several hosts, their processes draw each batch together.
    """
    if program.together:
        yield from ([rows] for rows in program.draw(batches))
        return
    count, own = jax.process_count(), jax.process_index()
    mine = program.draw(batches[own::count])
    for at in range(0, len(batches), count):
        yield by_all(lambda: next(mine, []))[: len(batches) - at]


def _agreed(arguments: dict[str, Any]) -> None:
    """Check that all processes sweep the same."""
    for process, others in enumerate(gathered(arguments)):
        other = [name for name, value in arguments.items() if others[name] != value]
        if other:
            raise ValueError(
                f"process {process} sweeps with other {', '.join(other)} than process "
                f"{jax.process_index()}; give all of them the same arguments"
            )


def _distinct(items: Sequence[Item]) -> list[Item]:
    if not items:
        raise ValueError("there are no prompts to run")
    twice = [name for name, n in Counter(item.id for item in items).items() if n > 1]
    if twice:
        raise ValueError(f"two prompts have the id {twice[0]!r}; give each prompt its own id")
    return list(items)


def _seeds(seeds: Sequence[int]) -> list[int]:
    try:
        found = [operator.index(seed) for seed in seeds]
    except TypeError:
        found = []
    if not found or len(set(found)) < len(found) or not all(0 <= s < 2**32 for s in found):
        raise ValueError(f"seeds must be different whole numbers in [0, 2**32), got {seeds!r}")
    return found


def _open(folder: Path, kind: type, arguments: dict[str, Any]) -> Store:
    """Open the rows in a folder, and check that they are rows of this sweep."""
    path = folder / ARGUMENTS
    if path.exists():
        there = read_json(path, SHAPE, "the description of a sweep")
        other = [name for name, value in arguments.items() if there[name] != value]
        if other:
            raise ValueError(
                f"{folder} holds a sweep with other {', '.join(other)}; give another folder, or "
                "the arguments of that sweep"
            )
        return kind(folder)
    for name in (LINES, PARTS):
        if (folder / name).exists():
            raise ValueError(
                f"{folder} holds {name} but no {ARGUMENTS}, which says how the rows were drawn; "
                "restore that file, or give another folder"
            )
    with writing(path):
        write_whole(path, (json.dumps(arguments, indent=1) + "\n").encode())
    return kind(folder)
