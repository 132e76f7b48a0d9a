r"""The time to draw a token for every row, compared with samplers of peers and lower bounds.

    python benchmarks/sampling.py [--quick] [--out DIR] [--peer NAME=PYTHON ...]
        [--shapes 1x32000,8x128256] [--inputs peaked] [--chains "T;k 50"] [--peers "gemma,tunix"]
        [--assets DIR]

The inputs are described in `harness/inputs.py`. The input smollm2 has the rows of a real model,
which `--assets` names. They have their own vocabulary, 49152, so of a shape only B counts. A
second table says how many tokens each chain keeps of them. The engine ranks 64 tokens of a row, its
window; a row from which a filter keeps more leaves the window and is read whole.

All arms take turns. The usual ways in JAX (a sort, `lax.top_k`, bisection as in t5x) are written in
this repository and run in this process. Each other library is a worker in its own environment:

    python -m venv DIR && DIR/bin/pip install ...   and then --peer NAME=DIR/bin/python
    keras-hub     pip install keras-hub 'jax[cpu]'
    tunix         pip install google-tunix
    gemma         pip install 'jax[cpu]' flax clu einops tensorflow-cpu typeguard tabulate \
                      immutabledict lark graphviz mediapy pandas sentencepiece
                  pip install --no-deps gemma kauldron   (their requirements conflict)
    llama         pip install llama-cpp-python numpy     (a build of some minutes)
    transformers  pip install torch transformers         (looked for in this environment)

The variable JAXSAMPLE_PEERS, `NAME=PYTHON,NAME=PYTHON`, does the same. Absent peers are skipped.

To be fair, the logits are on the device in float32, and every call has a fresh key or generator
state. JAX peers are jitted with their settings as constants if their users run them so, while our
settings are traced. transformers runs with one thread and with one for each core, and the faster
arm counts. llama.cpp samples row by row on one thread, once with the time to fill its candidates
and once without ("bare"). Before a peer is timed, its tokens are checked against the kept set. Two
lower bounds are timed as well: g1 is the maximum of each row, g2 the maximum and the sum of
exponentials. The temperature is .8 where the name of a chain says nothing else.

A ratio is printed only if the runs can order the arms: see `harness/report.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from harness import real_rows
from harness.hire import THREADS, interpreters
from harness.inputs import INPUTS, logits
from harness.options import chosen, parser, versions_line
from harness.progress import progress
from harness.report import environment, heading, load, recorded, save
from harness.turns import take_turns
from peers.arms import Arms, scratch
from peers.chains import CHAINS, settings
from peers.expected import sizes
from peers.registry import ENVIRONMENTS, PEERS
from peers.show import draw, kept_tables, tables

SHAPES = ((1, 32000), (1, 128256), (8, 128256), (64, 32000), (64, 128256), (8, 256000))
QUICK = {
    "shapes": ((1, 32000), (8, 32000)),
    "inputs": ("peaked", real_rows.NAME),
    "chains": ("T", "k 50 + p .9"),
    "peers": tuple(name for name, peer in PEERS.items() if peer.environment is None),
}


def cases_of(given):
    """Return the shape, the input and the chain of every case."""
    cases = []
    for batch, vocabulary in given.shapes:
        for name in given.inputs:
            shape = batch, real_rows.VOCABULARY if name == real_rows.NAME else vocabulary
            cases += [(shape, name, chain) for chain in given.chains]
    return list(dict.fromkeys(cases))  # two shapes may have the same real rows


def rows_of(name, shape, assets):
    """Return the logits `[B, V]` of an input."""
    return real_rows.rows(assets, shape[0]) if name == real_rows.NAME else logits(name, *shape)


def measure(cases, arms, assets, rounds, budget_s, least):
    """Time every case; yield its results."""
    with scratch() as folder, progress(len(cases)) as step:
        path, held = Path(folder) / "logits.npy", None
        for number, (shape, name, chain) in enumerate(cases):
            step(f"{shape} {name}, {chain}")
            if held != (shape, name):
                held = shape, name
                path.unlink(missing_ok=True)
                path = Path(folder) / f"logits-{number}.npy"
                np.save(path, rows_of(name, shape, assets))
            described = settings(chain, shape[0])
            ready = arms.ready(path, described)
            times = take_turns(ready, rounds, budget_s, least)
            arms.forget()
            real = name == real_rows.NAME
            yield {
                "shape": shape,
                "input": name,
                "chain": chain,
                "kept": real_rows.kept_summary(sizes(np.load(path), described)) if real else None,
                "load": load(),
                "arms": recorded(times),
            }


def parse():
    options = parser(__doc__, "sampling.png", "two small shapes, in-process peers, few rounds")
    add, inputs = options.add_argument, (*INPUTS, real_rows.NAME)
    add("--shapes", help="BxV, comma between")
    add("--inputs", help=f"of {', '.join(inputs)}")
    real_rows.add_option(options)
    add("--chains", help=f"semicolon between, of {'; '.join(CHAINS)}")
    add("--peers", help=f"of {', '.join(PEERS)}")
    add("--rounds", type=int, help="runs of an arm, at most")
    add("--budget", type=float, help="seconds for a case; slow arms still run five times")
    given = options.parse_args()
    for name, names in (("inputs", inputs), ("chains", CHAINS), ("peers", PEERS)):
        text = getattr(given, name)
        if text is None:
            value = QUICK[name] if given.quick else tuple(names)
        else:
            value = chosen(options, text, names, ";" if name == "chains" else ",")
        setattr(given, name, value)
    if real_rows.NAME in given.inputs and not given.assets:
        print(f"{real_rows.NAME}: skipped, because no --assets names the folder of the real rows")
        given.inputs = tuple(name for name in given.inputs if name != real_rows.NAME)
        if not given.inputs:
            raise SystemExit("no input is left")
    if given.shapes:
        given.shapes = [tuple(map(int, shape.split("x"))) for shape in given.shapes.split(",")]
    else:
        given.shapes = QUICK["shapes"] if given.quick else SHAPES
    given.rounds = given.rounds or (5 if given.quick else 40)
    given.budget = given.budget or (2.0 if given.quick else 10.0)
    return given


def main():
    given = parse()
    before = environment()
    print(heading(before))
    cases = cases_of(given)
    with Arms(given.peers, interpreters(given.peer, ENVIRONMENTS)) as arms:
        for name, versions in arms.versions.items():
            print(versions_line(name, versions))
        results = {
            "benchmark": "sampling",
            "before": before,
            "threads": THREADS,
            "peers": {
                name: {"arms": labels, "versions": arms.versions.get(name, {})}
                for name, labels in arms.labels.items()
            },
            "absent": arms.absent,
            "cases": [],
        }
        least = 3 if given.quick else 5
        for case in measure(cases, arms, given.assets, given.rounds, given.budget, least):
            results |= {"cases": [*results["cases"], case], "load_after": case["load"]}
            if given.out:  # a run that is stopped keeps its finished cases
                save(given.out, results)
    show(results, given.out)


def show(results, out):
    print(f"\n{tables(results)}\n{kept_tables(results)}\n")
    print(f"load before {results['before']['load']}, after {results['load_after']}")
    for name, reason in results["absent"].items():
        print(f"{name}: {reason}")
    if out:
        picture = draw(results, out / "sampling.png")
        print(f"wrote {out / 'results.json'}" + (f", {picture}" if picture else ""))


if __name__ == "__main__":
    main()
