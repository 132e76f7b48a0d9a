"""The time of a draw from the rows of a real model, by how many of them leave the window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from harness import real_rows
from peers import sort
from peers.chains import settings
from peers.expected import sizes

from . import loops

CHAIN = "T 1 + p .95"
OTHERS = ("k 50 + p .9",)


def mixed(rows: np.ndarray, beyond: np.ndarray, batch: int, heavy: int) -> np.ndarray:
    """Return a batch of which `heavy` rows leave the window."""
    large, small = rows[beyond], rows[~beyond]
    return np.concatenate(
        [
            np.resize(large, (heavy, rows.shape[1])),
            np.resize(small, (batch - heavy, rows.shape[1])),
        ]
    )


def run(given) -> Iterator[dict]:
    """Yield the time of every arm at B = 8 and 64."""
    if not given.assets:
        yield {"skipped": "no --assets names the folder of the real rows"}
        return
    rows = real_rows.rows(given.assets, 64)
    beyond = np.array(sizes(rows, settings(CHAIN, 64))) > real_rows.WINDOW
    draws = 4 if given.quick else loops.DRAWS
    for batch in (2,) if given.quick else (8, 64):
        keys = loops.keys_of(draws, batch)
        natural = loops.on_device(rows[:batch])
        programs = {}
        for name in (CHAIN, *(() if given.quick else OTHERS)):
            draw, args = loops.ours(name, batch)
            programs[name] = loops.looped(draw), (keys, natural, *args)
        if not given.quick:
            draw = sort.program(settings(CHAIN, batch))
            programs[f"sort {CHAIN}"] = loops.looped(draw), (loops.keys_of(draws, None), natural)
        made = loops.compiled(programs)
        calls = {
            f"{name}, the first rows": loops.call(made[name], args)
            for name, (_, args) in programs.items()
        }
        for heavy in sorted({0, 1, min(8, batch), batch}):
            some = loops.on_device(mixed(rows, beyond, batch, heavy))
            calls[f"{CHAIN}, {heavy} rows leave the window"] = loops.call(
                made[CHAIN], (keys, some, *programs[CHAIN][1][2:])
            )
        for found in loops.times(calls, draws, 1.0 if given.quick else 5.0):
            yield {"shape": f"{batch} x {rows.shape[1]}", **found}
