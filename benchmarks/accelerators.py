"""The cost of sampling on accelerators, estimated by their compilers; no accelerator is needed.

    python benchmarks/accelerators.py [--quick] [--out DIR]

The first table is about one TPU v5e: XLA's estimate of the time of a draw for a batch, with the
cheapest and with the dearest branch of every choice. A sampler chooses a dearer branch for a batch
if a row of it needs one. XLA estimates nothing for TopK, sorts, gathers and scatters, so the table
names them. The compiler comes with libtpu.

The second table is about one H100: the kernels of a draw, and the loops and choices for which the
host may wait. The compiler comes with JAX's plugin for CUDA.

A missing compiler is skipped, and the output says how to install it.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from ahead import h100, v5e
from harness.options import parser
from harness.progress import progress
from harness.report import PACKAGES, figures, load, save, table
from harness.worker import Worker, WorkerError, versions

OURS = ("T", "k 50 + p .9", "p .9", "EDT + p .9", "min-p .05")
PEERS = ("jax.random.categorical", "lax.top_k 50 + p .9")
SHAPES = ((8, 128256), (64, 128256), (64, 32000))
QUICK = (("T", (8, 32000)), ("jax.random.categorical", (8, 32000)))
TARGETS = {"v5e": v5e, "h100": h100}
SCRIPT = Path(__file__).parent / "ahead" / "compiling.py"


def measured(target: str, cases, step) -> list[dict]:
    """Compile the cases one after the other in one process; return the facts of each."""
    found = []
    with Worker(sys.executable, SCRIPT, [target]) as worker:
        for program, shape in cases:
            step(f"{target}: {program} at {shape}")
            about = {"program": program, "shape": shape}
            try:
                facts = worker.prepare(**about).call(0)
            except WorkerError as error:
                found.append({**about, "error": str(error)})
                continue
            waits = len(facts["loops"]) + facts["choices"]
            kept = ("kernels", "all_kernels", "us", "us_most", "uncosted", "code_mb", "seconds")
            found.append({**about, **{name: facts[name] for name in kept}, "waits": waits})
    return found


def on_tpu(rows: list[dict]) -> str:
    """Return the table of a v5e."""
    head = ("one v5e", "us", "dearest us", "kernels", "code MB", "compile s", "not estimated")
    return table(
        head,
        [
            (
                _name(row),
                figures(row["us"]),
                figures(row["us_most"]),
                row["kernels"],
                figures(row["code_mb"]),
                figures(row["seconds"]),
                ", ".join(f"{n} {name}" for name, n in row["uncosted"].items()) or "-",
            )
            if "us" in row
            else (_name(row), row["error"], *[""] * 5)
            for row in rows
        ],
    )


def on_gpu(rows: list[dict]) -> str:
    """Return the table of an H100."""
    return table(
        ("one H100", "kernels", "loops and choices", "compile s"),
        [
            (_name(row), row["all_kernels"], row["waits"], figures(row["seconds"]))
            if "us" in row
            else (_name(row), row["error"], "", "")
            for row in rows
        ],
    )


def _name(row):
    return f"{row['program']} ({row['shape'][0]}, {row['shape'][1]})"


def main():
    made = parser(__doc__, "nothing else", "one sampler and one peer at a small vocabulary")
    given = made.parse_args()
    absent = {name: target.absent() for name, target in TARGETS.items()}
    for reason in filter(None, absent.values()):
        print(f"skipped: {reason}")
    there = [name for name, reason in absent.items() if not reason]
    if not there:
        print("nothing was compiled, because no compiler for an accelerator is installed")
        return
    every = [(name, shape) for shape in SHAPES for name in (*OURS, *PEERS)]
    # The number of kernels does not depend on the batch.
    cases = {"v5e": every, "h100": [case for case in every if case[1] == SHAPES[0]]}
    cases = {name: list(QUICK) if given.quick else cases[name] for name in there}
    before = {
        "python": platform.python_version(),
        "versions": versions([*PACKAGES, "libtpu", "jax-cuda12-plugin"]),
        "load": load(),
    }
    print(", ".join(f"{name} {version}" for name, version in before["versions"].items()))
    with progress(sum(map(len, cases.values()))) as step:
        found = {name: measured(name, cases[name], step) for name in there}
    for name, show in (("v5e", on_tpu), ("h100", on_gpu)):
        if name in found:
            print(f"\n{show(found[name])}")
    if given.out:
        results = {"benchmark": "accelerators", "before": before, "absent": absent, **found}
        print(f"\nwrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
