"""The cost of a sweep: tokens per second, compilations, and kills that it survives.

    python benchmarks/sweep.py [--quick] [--out DIR] [--peer transformers=PYTHON]
        [--batches 8,32,128,512] [--prompts 32]

The first table compares a sweep with transformers.generate on the same float32 weights, a random
Llama of the shape of llama2.c's stories15M. Each row of the sweep has its own temperature, top-k 50
and top-p .9, and the time includes its text and records; transformers has one setting for the
batch. Times are of whole batches, without compilation.

The second part draws texts that end at very different lengths, because one of 40 tokens ends one:
in slots that refill, as a sweep does, and batch by batch.

The third part draws 60 settings x 32 prompts x 8 samples of the story model. It counts the traces
of the model, and compares a sweep that was killed twice with SIGKILL and resumed with one that ran
through.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from decoders.fleet import OURS, Fleet
from decoders.models import size_of, write
from harness.hire import interpreters
from harness.options import parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, recorded, save, table, times
from harness.turns import take_turns
from sweeps.lengths import lengths, said
from sweeps.sources import PROMPT, items_of, settings_of, source_of

from jaxsample import Temperature, TopP, chain
from jaxsample.study import Item, Source, grid, sweep

PEER = "transformers"
OPENING = 12  # tokens
SETTINGS, ITEMS = 8, 4  # of a batch, at most
ROWS = "rows.jsonl"


def arm_of_sweep(folder, batch, steps):
    """Return an arm that measures the seconds of one batch of a sweep, from prompts to rows."""
    source = source_of(folder)
    settings = settings_of(min(SETTINGS, batch))
    items = items_of(min(ITEMS, batch // len(settings)))
    samples, rest = divmod(batch, len(settings) * len(items))
    if rest:
        wanted = f"a multiple of {len(settings)} settings x {len(items)} prompts"
        raise SystemExit(f"--batches: {batch} rows are not {wanted}")
    seeds = itertools.count()

    def arm():
        return sweep(
            source,
            settings,
            items,
            seeds=[next(seeds)],
            samples=samples,
            max_new_tokens=steps,
            batch_size=batch,
        ).seconds

    return arm


def throughput(given, step):
    """Time a batch of a sweep and of the peer in turn, for each batch size."""
    found, said, versions = [], {}, {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        Fleet(interpreters(given.peer, (PEER,)), (PEER,)) as fleet,
    ):
        folder = write(given.model, Path(scratch))
        opened = fleet.open(folder, size_of(folder)[0].vocab_size)
        said, versions = opened.said | fleet.absent, fleet.versions
        setting = {"temperature": 0.8, "top_k": 50, "top_p": 0.9}
        for batch in given.batches:
            step(f"B = {batch}")
            arms = opened.arms(batch, PROMPT, given.steps, setting)
            arms.pop(OURS)
            arms = {"sweep": arm_of_sweep(folder, batch, given.steps)} | arms
            runs = take_turns(arms, given.rounds, given.budget, 2 if given.quick else 5)
            opened.forget()
            found.append({"batch": batch, "arms": recorded(runs)})
    return {"model": given.model, "steps": given.steps, "peers": versions, "said": said} | {
        "lines": found
    }


def story_sweep(out, small, prompts):
    """Run the sweep; return it, the number of traces of the model, and that of the settings."""
    import jaxsample_models

    checkpoint, traces = jaxsample_models.embedded(), []

    def apply(*arguments):
        traces.append(1)
        return checkpoint.model.apply(*arguments)

    counted = checkpoint._replace(model=checkpoint.model._replace(apply=apply))
    settings = grid(
        "T {t} p {p}",
        lambda t, p: chain(Temperature(t), TopP(p)),
        t=[0.5 + 0.1 * i for i in range(3 if small else 10)],
        p=[0.5, 0.9] if small else [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    )
    made = sweep(
        Source("stories", counted),
        settings,
        openings(checkpoint.tokenizer, prompts),
        samples=2 if small else 8,
        batch_size=6 if small else 512,
        out=out,
        progress=False,
    )
    return made, len(traces), len(settings)


def openings(tokenizer, count):
    """Return the first words of stories as prompts."""
    from jaxsample_models.stories import Grammar

    grammar, rng = Grammar(), np.random.default_rng(0)
    stories = [grammar.sample(rng) for _ in range(count)]
    return [Item(str(i), tokenizer.decode(story[:OPENING])) for i, story in enumerate(stories)]


def digest(out):
    """Return the sha256 of the rows, and their number."""
    data = (out / ROWS).read_bytes()
    return hashlib.sha256(data).hexdigest(), data.count(b"\n")


def killed(out, wanted, small, prompts):
    """Start the sweep in another process twice; kill it each time after a part of its rows."""
    command = [sys.executable, __file__, "--sweep-into", str(out), "--prompts", str(prompts)]
    command += ["--quick"] if small else []
    at = []
    for part in (1, 2):
        process = subprocess.Popen(command, env=os.environ | {"JAX_PLATFORMS": "cpu"})
        while process.poll() is None:
            there = digest(out)[1] if (out / ROWS).exists() else 0
            if there >= wanted * part / 3:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.02)
        process.wait()
        at.append(digest(out)[1])
    return at


def survival(given, step):
    """Compare the rows of a sweep that was killed twice with those of one that ran through."""
    with tempfile.TemporaryDirectory() as scratch:
        whole, cut = Path(scratch) / "whole", Path(scratch) / "cut"
        step("a whole sweep")
        made, traces, settings = story_sweep(whole, given.quick, given.prompts)
        step("killed twice")
        at = killed(cut, len(made.rows), given.quick, given.prompts)
        step("resumed")
        story_sweep(cut, given.quick, given.prompts)
        return {
            "settings": settings,
            "rows": len(made.rows),
            "tokens": made.tokens,
            "seconds": made.seconds,
            "traces": traces,
            "killed_at": at,
            "equal": digest(whole) == digest(cut),
        }


def tables(results):
    """Return the tables of a run."""
    found = results["throughput"]
    rows, best = [], {}
    for line in found["lines"]:
        arms, cells = line["arms"], [f"B = {line['batch']}"]
        for name, of in arms.items():
            rate = line["batch"] * found["steps"] / of["median_s"]
            best[name] = max(best.get(name, 0.0), rate)
            cells.append(figures(rate))
        if PEER in arms:
            cells.append(times(ratio(arms[PEER]["times_s"], arms["sweep"]["times_s"])))
        rows.append(cells)
    heads = [f"tokens per second, {found['model']}", *found["lines"][0]["arms"]]
    text = [table([*heads, *(["sweep"] if len(rows[0]) > len(heads) else [])], rows)]
    if PEER in best:
        text.append(f"each at its best: sweep {figures(best['sweep'] / best[PEER])} x {PEER}")
    text.append(said(results["lengths"]))
    lived = results["survival"]
    text.append(
        f"{lived['settings']} settings, {lived['rows']} rows, {lived['tokens']} tokens in "
        f"{figures(lived['seconds'])} s; the model was traced {lived['traces']} times; killed at "
        f"{lived['killed_at']} rows and resumed: "
        + ("the same rows" if lived["equal"] else "OTHER ROWS")
    )
    return "\n\n".join(text)


def parse():
    options = parser(__doc__, "nothing else", "a tiny model, few settings")
    options.add_argument("--batches", help="comma between")
    options.add_argument("--sweep-into", type=Path, help="draw only the rows of the third part")
    options.add_argument("--prompts", type=int, help="prompts of the third part")
    given = options.parse_args()
    given.prompts = given.prompts or (2 if given.quick else 32)
    batches = given.batches or ("4" if given.quick else "8,32,128,512")
    given.batches = tuple(map(int, batches.split(",")))
    given.model, given.steps = ("tiny", 8) if given.quick else ("15M", 64)
    given.texts, given.slots, given.turns = (16, 4, 1) if given.quick else (128, 16, 3)
    given.rounds, given.budget = (2, 4.0) if given.quick else (9, 120.0)
    return given


def main():
    given = parse()
    if given.sweep_into:
        story_sweep(given.sweep_into, given.quick, given.prompts)
        return
    before = environment(("transformers", "torch"))
    print(heading(before))
    with progress(len(given.batches) + 4) as step:
        results = {
            "benchmark": "sweep",
            "before": before,
            "throughput": throughput(given, step),
            "lengths": lengths(given, step),
            "survival": survival(given, step),
        }
    results["load_after"] = load()
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")
    if not results["survival"]["equal"]:
        sys.exit("the sweep that was killed and resumed has other rows")


if __name__ == "__main__":
    main()
