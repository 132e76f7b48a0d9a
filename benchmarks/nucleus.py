"""The cost of top-p against p and the temperature, on the rows of a real model.

    python benchmarks/nucleus.py --assets DIR [--quick] [--out DIR] [--peer NAME=PYTHON ...]
        [--batches 8,64] [--peers "jax sort,t5x-style"]

A nucleus has one token or thousands, by p, the temperature and the row. The script times a draw for
every pair of p and T, one program with traced settings, and prints the cost in units of g2, which
reads the rows once for their maximum and the sum of exponentials. It also prints the largest step
between neighbours: a step far above 1 would be a cliff, where a slightly larger p costs much more.

Peers are timed for every p at T = 1: a sort with `jax.random.categorical`, bisection as in t5x, and
transformers, which `benchmarks/sampling.py` describes. The first two are compiled for each p as a
constant. A sort needs the same comparisons at every temperature, so its time at T = 1 is compared
with ours at every T. All arms of a batch size take turns in one run, and the tokens of every arm
are checked against the kept set.

Without --assets, peaked rows of `harness/inputs.py` stand in for the real ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from harness import real_rows
from harness.hire import THREADS, interpreters
from harness.inputs import logits
from harness.options import chosen, parser, versions_line
from harness.progress import progress
from harness.report import environment, heading, load, recorded, save
from harness.turns import take_turns, timed
from peers import ours
from peers.arms import Arms, scratch
from peers.chains import described
from peers.expected import sizes, verify
from peers.floors import prepare_g2
from peers.registry import ENVIRONMENTS
from peers.show_nucleus import draw, tables

PS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
TEMPERATURES = (0.5, 0.7, 0.8, 1.0, 1.2, 1.5)
PEERS = ("jax sort", "t5x-style", "transformers")
COMPARED = 1.0  # the temperature of the peers


def chain_of(p, temperature):
    return described(temperature=temperature, top_p=p)


def cells(path: Path, ps, temperatures):
    """Return our arm for every (p, T), and the share of rows that leave the window."""
    rows = np.load(path)
    arms, beyond = {}, {}
    for p in ps:
        for temperature in temperatures:
            chain = chain_of(p, temperature)
            call = ours.prepare(str(path), chain)
            verify(f"ours at p {p}, T {temperature}", call, rows, chain)
            arms[p, temperature] = timed(call)
            beyond[p, temperature] = real_rows.kept_summary(sizes(rows, chain))["beyond"]
    return arms, beyond


def peers_at(path: Path, ps, arms: Arms):
    """Return the arms of the peers for every p, as (label, p)."""
    labels = [label for labels in arms.labels.values() for label in labels]
    found = {}
    for p in ps:
        ready = arms.ready(path, chain_of(p, COMPARED))
        found |= {(label, p): ready[label] for label in labels if label in ready}
    return found


def measure(path: Path, batch: int, arms: Arms, given):
    """Time all arms of a batch size in turn."""
    mine, beyond = cells(path, given.ps, given.temperatures)
    theirs = peers_at(path, given.ps, arms)
    turns = {"g2": timed(prepare_g2(str(path), None)), **mine, **theirs}
    found = recorded(take_turns(turns, given.rounds, given.budget, 3 if given.quick else 5))
    arms.forget()
    return {
        "batch": batch,
        "vocabulary": np.load(path).shape[1],
        "g2": found["g2"],
        "cells": [
            {"p": p, "temperature": t, "beyond": beyond[p, t], "arm": found[p, t]} for p, t in mine
        ],
        "peers": [
            {"p": p, "arms": {label: found[label, q] for label, q in theirs if q == p}}
            for p in given.ps
        ],
        "load": load(),
    }


def rows_of(given, batch):
    if given.assets:
        return real_rows.rows(given.assets, batch)
    return logits("peaked", batch, 4096 if given.quick else real_rows.VOCABULARY)


def parse():
    options = parser(__doc__, "nucleus.png", "two p, two T, few rows, in-process peers")
    add = options.add_argument
    real_rows.add_option(options)
    add("--batches", help="B, comma between")
    add("--peers", help=f"of {', '.join(PEERS)}")
    add("--rounds", type=int, help="runs of an arm, at most")
    add("--budget", type=float, help="seconds for a batch size; slow arms still run five times")
    given = options.parse_args()
    quick = given.quick
    given.batches = tuple(map(int, (given.batches or ("2" if quick else "8,64")).split(",")))
    given.peers = chosen(options, given.peers or ",".join(PEERS[:2] if quick else PEERS), PEERS)
    given.ps, given.temperatures = ((0.5, 0.95), (0.8, 1.0)) if quick else (PS, TEMPERATURES)
    given.rounds = given.rounds or (3 if quick else 21)
    given.budget = given.budget or (2.0 if quick else 120.0)
    return given


def main():
    given = parse()
    before = environment()
    print(heading(before))
    if not given.assets:
        print("no --assets names the folder of the real rows, so peaked rows stand in for them")
    with (
        Arms(given.peers, interpreters(given.peer, ENVIRONMENTS)) as arms,
        progress(len(given.batches)) as step,
        scratch() as folder,
    ):
        for name, versions in arms.versions.items():
            print(versions_line(name, versions))
        results = {
            "benchmark": "nucleus",
            "before": before,
            "threads": THREADS,
            "rows": real_rows.NAME if given.assets else "peaked",
            "compared": COMPARED,
            "peers": arms.labels,
            "absent": arms.absent,
            "batches": [],
        }
        for batch in given.batches:
            step(f"B = {batch}")
            path = Path(folder) / f"logits-{batch}.npy"
            np.save(path, rows_of(given, batch))
            results["batches"].append(measure(path, batch, arms, given))
            if given.out:  # a run that is stopped keeps its finished batch sizes
                save(given.out, results)
    print(f"\n{tables(results)}\n\nload before {before['load']}, after {load()}")
    for name, reason in results["absent"].items():
        print(f"{name}: {reason}")
    if given.out:
        print(f"wrote {given.out / 'results.json'}, {draw(results, given.out / 'nucleus.png')}")


if __name__ == "__main__":
    main()
