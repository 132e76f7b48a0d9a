r"""The XLA kernels of a draw, and the time of each.

    python benchmarks/kernels.py [--quick] [--out DIR] [--shape 8x32000] [--input peaked]
        [--chain "k 50 + p .9"] [--draws 200] [--most 12]

A loop draws as a decode loop does, so that each draw waits for the token before it. The script
prints the time of a draw, then the kernels in the order of their share, from a trace of XLA's
profiler. The times of kernels include the cost of the profiler.
"""

from __future__ import annotations

import collections
import glob
import gzip
import json
import re
import statistics
import tempfile

import jax
import jax.numpy as jnp
from harness.inputs import INPUTS, logits
from harness.options import parser
from harness.report import environment, figures, heading, save, table
from harness.turns import take_turns, timed
from peers.chains import CHAINS, settings
from peers.ours import sampler

from jaxsample import sample


def looped(draws: int):
    """Return the jitted loop of (key, logits `[B, V]`, sampler, axes of the sampler)."""

    def run(key, logits, sampler, axes):
        draw = jax.vmap(sample, in_axes=(0, 0, axes))

        def body(logits, i):
            keys = jax.random.split(jax.random.fold_in(key, i), logits.shape[0])
            tokens = draw(keys, logits, sampler)
            # The logits depend on the tokens, else XLA would compute the draw once.
            return logits.at[:, 0].add(1e-6 * tokens), None

        return jax.lax.scan(body, logits, jnp.arange(draws))[0]

    return jax.jit(run, static_argnums=3)


def traced(call) -> collections.Counter:
    """Return the microseconds of each kernel except loops while `call` runs."""
    took: collections.Counter = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            call()
        (path,) = glob.glob(f"{folder}/**/*.trace.json.gz", recursive=True)
        with gzip.open(path) as file:
            events = json.load(file)["traceEvents"]
    for event in events:
        if "hlo_op" in event.get("args", {}) and not event["name"].startswith("while"):
            took[event["name"]] += event["dur"]
    return took


def sources(program: str) -> dict[str, str]:
    """Map the kernels of a compiled program to their shape and the last of their operations."""
    found = {}
    for line in program.splitlines():
        kernel = re.match(r"\s*(?:ROOT )?%([\w.-]+) = \(?(\w+\[[\d,]*\])", line)
        if kernel:
            source = re.search(r'op_name="[^"]*?([\w-]+)\)*"', line)
            found[kernel[1]] = f"{kernel[2]} {source[1] if source else ''}"
    return found


def parse():
    options = parser(__doc__, "nothing else", "five draws")
    add = options.add_argument
    add("--shape", default="8x32000", help="BxV")
    add("--input", default="peaked", choices=INPUTS)
    add("--chain", default="k 50 + p .9", choices=CHAINS)
    add("--draws", type=int, default=200, help="draws in a loop")
    add("--most", type=int, default=12, help="how many kernels are shown")
    given = options.parse_args()
    given.draws = 5 if given.quick else given.draws
    return given


def main():
    given = parse()
    batch, vocabulary = map(int, given.shape.split("x"))
    described = settings(given.chain, batch)
    rows = jnp.asarray(logits(given.input, batch, vocabulary))
    args = rows, sampler(described), 0 if described["per_row"] else None
    loop = looped(given.draws)

    def call(seed=0):
        return jax.block_until_ready(loop(jax.random.key(seed), *args))

    times = take_turns({"draws": timed(call)}, rounds=7, budget_s=1e9)["draws"]
    took = traced(call)
    words = sources(loop.lower(jax.random.key(0), *args).compile().as_text())
    before = environment()
    print(heading(before))
    us = statistics.median(times) / given.draws * 1e6
    print(
        f"\n({batch}, {vocabulary}) {given.input}, {given.chain}: {figures(us)} us a draw, "
        f"{len(took)} kernels; the most costly, us a draw"
    )
    lines = [
        {"kernel": name, "us": total / given.draws, "of": words.get(name, "")}
        for name, total in took.most_common()
    ]
    shown = [(line["kernel"], figures(line["us"]), line["of"]) for line in lines[: given.most]]
    print(table(["kernel", "us", "shape, last of its operations"], shown))
    if given.out:
        case = {"shape": (batch, vocabulary), "input": given.input, "chain": given.chain}
        save(given.out, {"before": before, **case, "draw_us": us, "kernels": lines})


if __name__ == "__main__":
    main()
