"""A sweep as a process: `python -m tests.study.sweep_program OUT FORMAT [SECONDS]`."""

import sys
import time

from jaxsample import EntropyTemperature, TopP, chain
from jaxsample.study import Item, grid, sweep
from jaxsample.study.draw._program import Program
from tests.study.models import bigrams

SETTINGS = grid(
    "t0 {t0} p {p}",
    lambda t0, p: chain(EntropyTemperature(t0, 0.2), TopP(p)),
    t0=[0.5, 1.0, 1.5],
    p=[0.8, 1.0],
)
ITEMS = [Item("one", "w1"), Item("two", "w2 w3 w4"), Item("three", "w5 w6")]


def run(out, format="jsonl", **arguments):
    arguments = {"samples": 4, "max_new_tokens": 12, "batch_size": 8} | arguments
    return sweep(bigrams(), SETTINGS, ITEMS, out=out, format=format, **arguments)


if __name__ == "__main__":
    if len(sys.argv) > 3:  # wait before each batch, so that a test can kill the process
        quickly = Program.draw

        def slowly(self, batches):
            for rows in quickly(self, batches):
                time.sleep(float(sys.argv[3]))
                yield rows

        Program.draw = slowly
    run(sys.argv[1], sys.argv[2])
