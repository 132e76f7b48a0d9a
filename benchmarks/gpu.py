"""Measurements on one GPU in eight minutes: equal tokens, draws, a 1B model, memory.

    python benchmarks/gpu.py [--quick] [--out DIR] [--assets DIR] [--items tokens,samplers]

The script is prepared for one H100 or H200, and `--quick` runs on a CPU with tiny shapes. Each item
runs in its own process, so that it has the whole memory of the device and an error ends it alone.
An item that takes more than its budget is stopped. Every finding is saved as soon as it is known.

    tokens    the tokens of sample, of draw(sampler(row)), and of both on the CPU of this process
    samplers  a draw in a loop of 64: ours, sort, lax.top_k, bisection, torch and flashinfer
    real      the rows of a real model (--assets), by how many of them leave the window
    model     a step of a 1B-shaped model: greedy and sampled, against a loop with argmax
    buffers   a draw with loops and branches in CUDA's command buffers, and as XLA has it
    prefill   the peak of memory and the time of prompts of 4,096 tokens
    profile   the kernels of a draw
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from harness import real_rows
from harness.child import findings
from harness.options import chosen, parser
from harness.progress import progress
from harness.report import figures, heading, load, save, table

SCRIPT = Path(__file__).with_name("accelerators") / "item.py"
# Seconds, eight minutes in all.
BUDGETS = {
    "tokens": 75,
    "samplers": 110,
    "real": 55,
    "model": 125,
    "buffers": 40,
    "prefill": 35,
    "profile": 20,
}
STARTING = 60  # seconds until the first process has found the device
FLAG = "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL"


def variables_of(item: str) -> list[dict[str, str]]:
    """Return the variables of each process of an item."""
    # Memory is taken when it is needed, so that the peak is that of the program.
    plain = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    flags = " ".join(filter(None, [os.environ.get("XLA_FLAGS"), FLAG]))
    return [plain, {**plain, "XLA_FLAGS": flags}] if item == "buffers" else [plain]


def measure(item: str, given):
    """Yield the findings of an item."""
    args = [item, *(["--quick"] if given.quick else [])]
    if given.assets:
        args += ["--assets", given.assets]
    end = time.monotonic() + BUDGETS[item]
    for variables in variables_of(item):
        yield from findings(SCRIPT, args, max(1.0, end - time.monotonic()), variables)


def tables(items: dict) -> str:
    """Return a table of the findings of each item; those with other columns stand below it."""
    written = []
    for name, item in items.items():
        found = item["found"]
        rows = [one for one in found if list(one) == list(found[0])]
        others = [one for one in found if list(one) != list(found[0])]
        parts = [f"{name}, {item['seconds']:.0f} s"]
        if rows and len(rows[0]) > 1:
            parts.append(table(list(rows[0]), [[_shown(v) for v in one.values()] for one in rows]))
        else:
            others = found
        parts += [", ".join(f"{key}: {_shown(v)}" for key, v in one.items()) for one in others]
        written.append("\n".join(parts))
    return "\n\n".join(written)


def _shown(value):
    return figures(value) if isinstance(value, float) else str(value)


def parse():
    options = parser(__doc__, "nothing else", "tiny shapes, also on a CPU")
    options.add_argument("--items", help=f"of {', '.join(BUDGETS)}")
    real_rows.add_option(options)
    given = options.parse_args()
    given.items = chosen(options, given.items, BUDGETS) if given.items else tuple(BUDGETS)
    return given


def main():
    given = parse()
    # This process leaves the device alone, so that each item has all of it.
    (before,) = findings(SCRIPT, ["machine"], STARTING)
    if "error" in before:
        raise SystemExit(before["error"])
    print(heading(before))
    results = {"benchmark": "gpu", "quick": given.quick, "before": before, "items": {}}
    with progress(len(given.items)) as step:
        for name in given.items:
            step(name)
            begun = time.monotonic()
            item = results["items"][name] = {"seconds": 0.0, "found": []}
            for found in measure(name, given):
                item["found"].append(found)
                item["seconds"] = round(time.monotonic() - begun, 1)
                if given.out:
                    save(given.out, results)
            print(f"\n{tables({name: item})}", flush=True)
    print(f"\nload before {before['load']}, after {load()}")
    if given.out:
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
