"""Print a table of the agreement of the transforms with llama.cpp, and write it as JSON.

    python -m tests.peers.report --out benchmarks/results/peers

`--site DIR` adds the packages of another environment, which has compiled llama_cpp.
"""

import argparse
import importlib.metadata
import json
import platform
import sys
from pathlib import Path

from tests.peers import llama_cpp_comparisons, llama_cpp_histories
from tests.peers.agreement import EDGE, NEAR, V, compare


def llama_cpp():
    """Return all comparisons with llama.cpp."""
    return [
        *llama_cpp_comparisons.filters_of_one_row(),
        *llama_cpp_comparisons.temperatures(),
        *llama_cpp_histories.penalties_and_repetitions(),
        *llama_cpp_histories.steered(),
        llama_cpp_histories.whole_chain(),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--site", type=Path)
    options = parser.parse_args()
    if options.site:
        sys.path.append(str(options.site))  # after our own jax and numpy
    from llama_cpp import __version__

    versions = {"llama-cpp-python": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in ("jax", "numpy")}
    print(f"{'':26}{'rows':>6}{'agree':>7}{'skipped':>9}  disagree by name")
    found = {}
    for comparison in llama_cpp():
        result = compare(comparison)
        found[comparison.name] = result._asdict()
        named = "; ".join(f"{n} {name.split(':')[0]}" for name, n in result.named.items())
        numbers = f"{result.rows:6}{result.agree:7}{result.skipped:9}"
        print(f"{comparison.name:26}{numbers}  {named}", flush=True)
        if result.unexplained:
            print(f"  unexplained: rows {result.unexplained}")
    measured = {"edge": EDGE, "near": NEAR, "vocabulary": V}
    text = json.dumps(dict(versions=versions, **measured, comparisons=found), indent=1)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "llama-cpp.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
