"""The kernels of a draw on this device, and the time of the most costly."""

from __future__ import annotations

from collections.abc import Iterator

from harness.inputs import logits
from kernels import traced

from . import loops

CHAINS = ("k 50 + p .9", "T 1 + p .95")
DRAWS, SHOWN = 16, 8


def run(given) -> Iterator[dict]:
    """Yield for each chain the number of different kernels and their time, then the largest."""
    batch, vocabulary = (2, 512) if given.quick else (8, 128256)
    rows = loops.on_device(logits("peaked", batch, vocabulary))
    for chain in ("T",) if given.quick else CHAINS:
        draw, args = loops.ours(chain, batch)
        args = loops.keys_of(DRAWS, batch), rows, *args
        call = loops.call(loops.looped(draw).lower(*args).compile(), args)
        call(0)
        took = traced(lambda call=call: call(0))
        case = {"shape": f"{batch} x {vocabulary}", "chain": chain}
        yield {**case, "kernel": f"all {len(took)}", "us": sum(took.values()) / DRAWS}
        for name, us in took.most_common(SHOWN):
            yield {**case, "kernel": name, "us": us / DRAWS}
