"""How often the slots of E2E meanings are found in the texts that people wrote for them.

    python benchmarks/experiments/e2e/slots.py e2e_dev.csv e2e_test.csv

Recall is the share of the given slots that are found. The rate of false positives is the share of
the other values of the slots that are found as well: "cheap" in a text for a high price, or in a
text for a meaning without a price. People leave slots out and write wrong ones, so neither error is
the patterns' alone.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

from benchmarks.harness.report import table  # noqa: E402
from jaxsample.study import realised, slots_of  # noqa: E402

SAME = {
    "less than £20": "cheap",
    "£20-25": "moderate",
    "more than £30": "high",
    "1 out of 5": "low",
    "3 out of 5": "average",
    "5 out of 5": "high",
}
"""Values that texts do not tell apart."""


def rates(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Count for each slot what is given, found, not given, and found all the same.

    Args:
        pairs: meanings and texts.
    """
    texts = [(slots_of(meaning), text) for meaning, text in pairs]
    values: dict[str, set[str]] = {}
    for slots, _ in texts:
        for slot, value in slots.items():
            values.setdefault(slot, set()).add(SAME.get(value, value))
    found = {slot: {"given": 0, "found": 0, "others": 0, "false": 0} for slot in values}
    for slots, text in texts:
        for slot, said in realised(text, slots).items():
            found[slot]["given"] += 1
            found[slot]["found"] += said
        for slot, known in values.items():
            mine = slots.get(slot)
            for other in known - {SAME.get(mine, mine) if mine else None}:
                # The places that the text names must not pass for words of the slot.
                said = realised(text, slots | {slot: other})[slot]
                found[slot]["others"] += 1
                found[slot]["false"] += said
    return found


def read(path: Path) -> list[tuple[str, str]]:
    """Return the meanings and texts of a file with the columns mr and ref."""
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["mr"], row["ref"]) for row in csv.DictReader(file)]


def main():
    options = argparse.ArgumentParser(description="recall and false positives of slots")
    options.add_argument("files", type=Path, nargs="+", help="with the columns mr and ref")
    files = options.parse_args().files
    rows = [
        [slot, f"{n['found'] / n['given']:.3f}", f"{n['false'] / max(n['others'], 1):.4f}"]
        for slot, n in rates(pair for path in files for pair in read(path)).items()
    ]
    print(table(["slot", "recall", "false positives"], rows))


if __name__ == "__main__":
    main()
