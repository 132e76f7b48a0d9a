"""Beam search: tokens per second beside transformers.generate(num_beams=..), on the same weights.

    python benchmarks/search.py [--quick] [--out DIR] [--peer transformers=PYTHON]
        [--models 15M,smollm2] [--batches 1,8] [--beams 4] [--steps 64] [--rounds 9] [--budget 60]

The models are those of `decode.py`, in float32. All texts have N tokens, without an end of text, so
both search equally long. Times are of whole calls, with the prefill of 16 tokens and without
compilation. The best text of every prompt is compared. Greedy decoding by generate shows what a
text alone costs, with as many rows as there are beams.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from decoders.fleet import CHECKED, OURS, Fleet
from decoders.models import PACKAGED, SHAPES, copied, size_of, write
from decoders.serving import caller, prompts_of
from harness.hire import interpreters
from harness.options import chosen, parser, versions_line
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, recorded, save, table, times
from harness.turns import take_turns, timed

PEER = "transformers"
GREEDY = "greedy rows"


def measure(given, fleet, folders):
    """Yield the runs of each model and batch size."""
    with progress(len(folders) * len(given.batches)) as say:
        for name, folder in folders.items():
            size = size_of(folder)[0].vocab_size
            opened = fleet.open(folder, size)
            for batch in given.batches:
                say(f"{name}, B = {batch}")
                about = batch, given.prompt, given.steps
                settings = {"beams": given.beams}
                arms = opened.arms(*about, settings)
                equal = None
                if PEER in arms:
                    prompts = prompts_of(batch, given.prompt, size)
                    ours = caller(opened.ours, prompts, given.steps, settings)
                    equal = float(np.mean(ours(0) == np.asarray(arms[PEER].call(0))))
                rows = prompts_of(batch * given.beams, given.prompt, size)
                arms[GREEDY] = timed(caller(opened.ours, rows, given.steps, None))
                runs = take_turns(arms, given.rounds, given.budget, 2 if given.quick else 5)
                opened.forget()
                yield {"model": name, "batch": batch, "equal": equal, "arms": recorded(runs)}


def tables(results):
    """Return the table of all models and batch sizes."""
    rows = []
    for line in results["lines"]:
        arms = line["arms"]
        tokens = line["batch"] * results["steps"]
        rate = {name: figures(tokens / of["median_s"]) for name, of in arms.items()}
        found, equal = "", ""
        if PEER in arms:
            found = times(ratio(arms[PEER]["times_s"], arms[OURS]["times_s"]))
            equal = f"{line['equal']:.3f}"
        label = f"{line['model']}, B = {line['batch']}"
        rows.append([label, rate[OURS], rate.get(PEER, ""), found, equal, rate[GREEDY]])
    heads = [f"texts' tokens per second, {results['beams']} beams", "beam", PEER, "beam"]
    return table([*heads, "tokens equal", GREEDY], rows)


def parse():
    options = parser(__doc__, "nothing else", "a tiny model, few steps and rounds")
    add = options.add_argument
    add("--models", help=f"of {', '.join((*SHAPES, *PACKAGED))}")
    add("--batches", help="comma between")
    add("--beams", type=int, default=4)
    add("--steps", type=int, help="new tokens of a call")
    add("--prompt", type=int, default=CHECKED["prompt"], help="tokens of a prompt")
    add("--rounds", type=int, help="runs of an arm, at most")
    add("--budget", type=float, help="seconds for a line; slow arms still run five times")
    given = options.parse_args()
    models = given.models or ("tiny" if given.quick else "15M")
    given.models = chosen(options, models, (*SHAPES, *PACKAGED))
    batches = given.batches or (str(CHECKED["batch"]) if given.quick else "1,8")
    given.batches = tuple(map(int, batches.split(",")))
    given.steps = given.steps or (CHECKED["steps"] if given.quick else 64)
    given.rounds = given.rounds or (2 if given.quick else 9)
    given.budget = given.budget or (4.0 if given.quick else 60.0)
    return given


def main():
    given = parse()
    before = environment(("transformers", "torch"))
    print(heading(before))
    with (
        tempfile.TemporaryDirectory() as scratch,
        Fleet(interpreters(given.peer, (PEER,)), (PEER,)) as fleet,
    ):
        for name, reason in fleet.absent.items():
            print(f"{name}: not installed ({reason})")
        for name, versions in fleet.versions.items():
            print(versions_line(name, versions))
        folders = {}
        for name in given.models:
            made = copied if name in PACKAGED else write
            folders[name] = made(name, Path(scratch))
        lines = list(measure(given, fleet, folders))
        results = {
            "benchmark": "search",
            "before": before,
            "beams": given.beams,
            "prompt": given.prompt,
            "steps": given.steps,
            "peers": fleet.versions,
            "lines": lines,
            "load_after": load(),
        }
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
