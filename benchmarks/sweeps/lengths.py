"""A sweep whose texts end at very different lengths: in slots that refill, and batch by batch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from decoders.models import size_of, write
from harness.report import figures, ratio, recorded, times
from harness.turns import take_turns

from jaxsample.study import sweep
from sweeps.sources import PROMPT, items_of, settings_of, source_of

MEAN = 40  # one of so many tokens ends a text
IN_SLOTS, BY_BATCHES = "slots", "batches"


def lengths(given, step):
    """Time both ways in turn, and compare their rows."""
    made = {}

    def drawn(seeds):
        return sweep(
            source,
            settings_of(4),
            items_of(given.slots // 4),
            seeds=seeds,
            max_new_tokens=room,
            batch_size=given.slots,
        )

    def arm(name, parts):
        def run():
            done = [drawn(seeds) for seeds in parts]
            made[name] = {row_of(row): row for one in done for row in one.rows}
            return sum(one.seconds for one in done)

        return run

    with tempfile.TemporaryDirectory() as scratch:
        folder = write(given.model, Path(scratch))
        config = size_of(folder)[0]
        room = config.max_length - PROMPT
        source = source_of(folder, range(0, config.vocab_size, MEAN))
        step("different lengths")
        seeds = range(given.texts // given.slots)
        arms = {
            IN_SLOTS: arm(IN_SLOTS, [seeds]),
            BY_BATCHES: arm(BY_BATCHES, [[seed] for seed in seeds]),  # a batch each
        }
        runs = recorded(take_turns(arms, given.turns, 1e9, given.turns))
    counts = [len(row["tokens"]) for row in made[IN_SLOTS].values()]
    equal = [row == made[BY_BATCHES][at] for at, row in made[IN_SLOTS].items()]
    return {
        "model": given.model,
        "slots": given.slots,
        "texts": len(counts),
        "tokens": int(sum(counts)),
        "mean": float(np.mean(counts)),
        "longest": max(counts),
        "arms": runs,
        "equal": float(np.mean(equal)),
    }


def row_of(row):
    """Return the place of a row in a sweep."""
    return row["setting"], row["item"], row["seed"]


def said(found):
    """Return a sentence on the result."""
    arms = found["arms"]
    rates = {name: figures(found["tokens"] / arm["median_s"]) for name, arm in arms.items()}
    gain = times(ratio(arms[BY_BATCHES]["times_s"], arms[IN_SLOTS]["times_s"]))
    return (
        f"{found['texts']} texts of {found['model']} with {figures(found['mean'])} tokens on "
        f"average, at most {found['longest']}, {found['slots']} at once: "
        f"{rates[IN_SLOTS]} tokens/s in slots, {rates[BY_BATCHES]} batch by batch ({gain}), "
        f"equal rows: {found['equal']:.3f}"
    )
