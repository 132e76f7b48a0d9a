"""Run one item of benchmarks/gpu.py and print each finding as a line of JSON.

    python accelerators/item.py ITEM [--quick] [--assets DIR]

The module of an item has `run(given)`, which yields flat dicts of numbers and words.
"""

from __future__ import annotations

import argparse
import importlib
import json

from harness import real_rows


def main():
    options = argparse.ArgumentParser()
    options.add_argument("item")
    options.add_argument("--quick", action="store_true")
    real_rows.add_option(options)
    given = options.parse_args()
    for found in importlib.import_module(f"accelerators.{given.item}").run(given):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
