"""The memory that `generate` takes on each chip of a slice of TPUs, compiled without one.

Weights, batch and cache lie as `jaxsample_models.shardings` says. The compiler of libtpu lays out
all arrays of the program, so the peak is what a chip would need; nothing is run.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from ahead import v5e
from harness.options import parser
from harness.progress import progress
from harness.report import PACKAGES, figures, load, save, table
from harness.worker import Worker, versions

SCRIPT = Path(__file__).parent / "ahead" / "compiling.py"
SAMPLER = "k 50 + p .9"
LONG = {"prompt": 1024, "new": 1024}
CASES = [
    {"shape": (256,), "mesh": (32, 8), "decoded": {"name": "1B", **LONG}},
    {"shape": (256,), "mesh": (32, 8), "decoded": {"name": "8B", **LONG}},
]
QUICK = [{"shape": (8,), "mesh": (2, 4), "decoded": {"name": "small"}}]


def show(rows: list[dict]) -> str:
    """Return the table."""
    return table(
        ("model", "v5e chips, data x model", "rows", "arguments GB", "peak GB", "compile s"),
        [
            (
                row["decoded"]["name"],
                "{} x {}".format(*row["mesh"]),
                row["shape"][0],
                f"{row['arguments'] / 1e9:.2f}",
                f"{row['peak'] / 1e9:.2f}",
                figures(row["seconds"]),
            )
            for row in rows
        ],
    )


def main():
    made = parser(__doc__, "nothing else", "a small model on 2 x 4 chips")
    given = made.parse_args()
    if absent := v5e.absent():
        print(f"skipped: {absent}")
        return
    before = {
        "python": platform.python_version(),
        "versions": versions([*PACKAGES, "libtpu"]),
        "load": load(),
    }
    cases, rows = QUICK if given.quick else CASES, []
    with progress(len(cases)) as step, Worker(sys.executable, SCRIPT, ["v5e"]) as worker:
        for case in cases:
            step(case["decoded"]["name"])
            ready = worker.prepare(program="generate", sampler=SAMPLER, **case)
            facts = ready.call(0)
            kept = {name: facts[name] for name in ("arguments", "peak", "seconds")}
            rows.append(case | kept)
    print(show(rows))
    if given.out:
        results = {"benchmark": "memory", "before": before, "rows": rows}
        print(f"\nwrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
