"""The time of a draw if loops and branches are part of CUDA's command buffers.

The variable XLA_FLAGS of this process decides, so `benchmarks/gpu.py` runs it with and without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from harness.inputs import logits

from . import loops

CHAIN = "k 50 + p .9"


def run(given) -> Iterator[dict]:
    """Yield the time of our chain at B = 8."""
    batch, vocabulary = (2, 512) if given.quick else (8, 128256)
    draws = 4 if given.quick else loops.DRAWS
    rows = loops.on_device(logits("peaked", batch, vocabulary))
    chain = "T" if given.quick else CHAIN
    draw, args = loops.ours(chain, batch)
    programs = {f"ours {chain}": (loops.looped(draw), (loops.keys_of(draws, batch), rows, *args))}
    wide = "+WHILE" in os.environ.get("XLA_FLAGS", "")
    used = "WHILE, CONDITIONAL too" if wide else "as XLA has it"
    for found in loops.times(loops.calls(programs), draws, 1.0 if given.quick else 6.0):
        yield {"shape": f"{batch} x {vocabulary}", "command buffers": used, **found}
