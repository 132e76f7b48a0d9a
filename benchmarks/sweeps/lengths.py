"""A sweep whose texts end at very different lengths: in slots that refill, and batch by batch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from decoders.models import size_of, write
from harness.report import figures, ratio, recorded, times
from harness.turns import take_turns

from jaxsample.study import sweep
from jaxsample.study.draw._at_once import at_once
from sweeps.sources import PROMPT, items_of, settings_of, source_of

MEAN = 40  # one of so many tokens ends a text
IN_SLOTS, BY_BATCHES = "slots", "batches"


def lengths(given, step):
    """Time both ways in turn, and compare their rows."""
    made = {}

    def arm(name):
        def run():
            made[name] = sweep(
                source,
                settings_of(4),
                items_of(4),
                samples=given.texts // 16,
                max_new_tokens=room,
                batch_size=given.slots,
            )
            return made[name].seconds

        return run

    def batch_by_batch():
        with mock.patch("jaxsample.study.draw._program.in_slots", _by_batches):
            return arm(BY_BATCHES)()

    with tempfile.TemporaryDirectory() as scratch:
        folder = write(given.model, Path(scratch))
        config = size_of(folder)[0]
        room = config.max_length - PROMPT
        source = source_of(folder, range(0, config.vocab_size, MEAN))
        step("different lengths")
        arms = {IN_SLOTS: arm(IN_SLOTS), BY_BATCHES: batch_by_batch}
        runs = recorded(take_turns(arms, given.turns, 1e9, given.turns))
    rows = {name: one.rows for name, one in made.items()}
    counts = [len(row["tokens"]) for row in rows[IN_SLOTS]]
    pairs = list(zip(rows[IN_SLOTS], rows[BY_BATCHES], strict=True))
    return {
        "model": given.model,
        "slots": given.slots,
        "texts": len(counts),
        "tokens": int(sum(counts)),
        "mean": float(np.mean(counts)),
        "longest": max(counts),
        "arms": runs,
        "equal_tokens": float(np.mean([a["tokens"] == b["tokens"] for a, b in pairs])),
        "equal_rows": float(np.mean([a == b for a, b in pairs])),
    }


def _by_batches(program, batches):
    return (at_once(program, batch) for batch in batches)


def said(found):
    """Return a sentence on the result."""
    arms = found["arms"]
    rates = {name: figures(found["tokens"] / arm["median_s"]) for name, arm in arms.items()}
    gain = times(ratio(arms[BY_BATCHES]["times_s"], arms[IN_SLOTS]["times_s"]))
    return (
        f"{found['texts']} texts of {found['model']} with {figures(found['mean'])} tokens on "
        f"average, at most {found['longest']}, {found['slots']} at once: "
        f"{rates[IN_SLOTS]} tokens/s in slots, {rates[BY_BATCHES]} batch by batch ({gain}); "
        f"equal tokens in {found['equal_tokens']:.3f} of the rows, equal records too in "
        f"{found['equal_rows']:.3f}"
    )
