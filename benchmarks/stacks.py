"""Greedy tokens and the time of a token with models of other libraries, beside their own samplers.

    python benchmarks/stacks.py [--quick] [--out DIR] [--pages flax,tunix] [--tokens 32]
        [--environments FILE or PAGE=PYTHON ...]

The code on each page of docs/stacks is run, in the interpreter that --environments names for the
page, or in this one. A file of environments has one PAGE=PYTHON a line. A recipe has a model with
small random weights in float32. "equal" counts the ragged rows whose tokens are those that the
library draws for each row alone. "ms a token" is a step of four rows, and the ratio is over the
library's own sampler in the same run. A library without a sampler is compared with a loop over its
forward pass, and that loop is not timed. Pages that an earlier run left in DIR are kept, so heavy
environments can be run one by one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from harness.child import findings
from harness.options import chosen, parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, ratio, save, summary, table, times
from recipes.program import PACKAGES

PROGRAM = Path(__file__).parent / "recipes" / "program.py"
REPOSITORY = Path(__file__).resolve().parent.parent


def interpreters(made, given) -> dict[str, str]:
    """Return the interpreter of each page, from PAGE=PYTHON pairs and files of them."""
    found = {}
    for text in given:
        pairs = text if "=" in text else Path(text).read_text()
        for pair in filter(None, map(str.strip, pairs.splitlines())):
            page, _, python = pair.partition("=")
            if page not in PACKAGES or not python:
                made.error(f"{pair!r} is not PAGE=PYTHON with a page of {', '.join(PACKAGES)}")
            found[page] = python
    return found


def kept(out: Path | None) -> dict[str, list[dict]]:
    """Return the pages of an earlier run into the same folder."""
    path = out and out / "results.json"
    return json.loads(path.read_text())["pages"] if path and path.exists() else {}


def shown(page: str, found: dict) -> list[str]:
    """Return the row of the table for one recipe."""
    name, version = next(iter(found["versions"].items()))
    seconds = found["seconds"]
    own = seconds.get("own")
    milliseconds = [
        figures(1e3 * summary(runs)["median_s"] / found["tokens"]) if runs else "-"
        for runs in (seconds["ours"], own)
    ]
    return [
        f"{page}: {found['recipe']}",
        f"{name} {version}",
        found["versions"]["jax"],
        str(found["lines"]),
        f"{sum(found['equal'])} of {len(found['equal'])}",
        "kept" if found["broken"] is None else "broken",
        *milliseconds,
        times(ratio(seconds["ours"], own)) if own else "-",
    ]


HEADERS = [
    "recipe", "version", "jax", "lines", "equal", "contract", "ms a token", "its own", "ratio",
]  # fmt: skip


def main():
    made = parser(__doc__ or "", "nothing else", "the first recipe of flax, few tokens")
    made.add_argument("--pages", help=f"of {', '.join(PACKAGES)}")
    made.add_argument("--tokens", type=int, default=32, help="tokens that are drawn and timed")
    made.add_argument("--environments", nargs="*", default=[], metavar="FILE or PAGE=PYTHON")
    given = made.parse_args()
    pages = chosen(made, given.pages or ("flax" if given.quick else ",".join(PACKAGES)), PACKAGES)
    pythons = interpreters(made, given.environments)
    tokens, rounds, budget = (4, 3, 1.0) if given.quick else (given.tokens, 15, 10.0)
    before = environment()
    print(heading(before))
    # The other environments need not have the library installed.
    path = [str(REPOSITORY), str(REPOSITORY / "models"), os.environ.get("PYTHONPATH", "")]
    variables = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(filter(None, path))}
    results = {"benchmark": "stacks", "before": before, "pages": kept(given.out)}
    with progress(len(pages)) as step:
        for page in pages:
            step(page)
            args = page, tokens, rounds, budget, *([1] if given.quick else [])
            python = pythons.get(page, sys.executable)
            found = list(findings(PROGRAM, args, 3600, variables, python))
            results["pages"][page] = [{"tokens": tokens, **part} for part in found]
            if given.out:
                save(given.out, results)
    rows = [
        shown(page, found)
        for page, all_found in sorted(results["pages"].items())
        for found in all_found
        if "recipe" in found
    ]
    print(f"\n{table(HEADERS, rows)}\n\nload before {before['load']}, after {load()}")
    for page, all_found in results["pages"].items():
        for found in all_found:
            if "recipe" not in found:
                print(f"{page}: {found.get('absent') or found.get('error')}")
            elif found["broken"]:
                print(f"{page}: {found['recipe']}: {found['broken']}")
    if given.out:
        print(f"wrote {given.out / 'results.json'}")


if __name__ == "__main__":
    main()
