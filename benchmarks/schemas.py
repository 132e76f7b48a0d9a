"""The share of two public suites of JSON schemas that compiles, and is right on all instances.

    python benchmarks/schemas.py [--quick] [--out DIR] FOLDER [FOLDER ..] [--vocabulary smollm2]
        [--every 54] [--limit 30] [--list]

A folder holds the files of MaskBench (maskbench/data of guidance-ai/jsonschemabench) or of the
JSON-Schema-Test-Suite (tests/draft2020-12). `--every n` takes each n-th schema. The vocabulary is
all bytes and one eos; `--vocabulary` adds the tokens of a tokenizer.json, or of a model, as lines
of their own. A schema is right if it compiles, every valid instance is accepted in some order of
its properties, and every invalid one is rejected. Times and the limit are in seconds of CPU time,
so other work on the machine does not count. "wrong" counts the schemas that accept an invalid
instance, and "narrow" those that only reject a valid one. "MB" is the size of the arrays.
"""

from __future__ import annotations

import collections
import functools
import itertools
import signal
import statistics
import time
import warnings
from pathlib import Path

import jax
from constrained.limited import limited
from constrained.suites import QUICK, Case, Judge, cases
from constrained.vocabularies import BYTES, Vocabulary, vocabulary
from harness.options import parser
from harness.report import environment, figures, heading, load, save, table

from jaxsample.interop import from_json_schema

WALL = 20  # a call may take this many times its limit in wall time, on a busy machine


def stop(*_):
    raise TimeoutError("late")


def judged(case: Case, vocabulary: Vocabulary, limit: float) -> dict:
    """Compile a schema in `limit` seconds, and try its instances."""
    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            automaton = from_json_schema(case.schema, *vocabulary, additional=True)
            jax.block_until_ready(automaton)
    except TimeoutError:
        return {"error": "late"}
    except Exception as error:  # an error that is not a ValueError is counted too
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    seconds = time.process_time() - start
    judge = Judge(automaton, vocabulary)
    found = [(value, valid, judge.accepts(value)) for value, valid in case.instances]
    return {
        "seconds": seconds,
        "states": automaton.table.shape[0],
        "bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(automaton)),
        "wrong": [value for value, valid, accepted in found if accepted and not valid],
        "narrow": [value for value, valid, accepted in found if valid and not accepted],
    }


def line(suite: str, vocabulary: str, results: list[dict]) -> list:
    """Return a line of the table."""
    made = [found for found in results if "seconds" in found]
    wrong = sum(bool(found["wrong"]) for found in made)
    narrow = sum(bool(found["narrow"]) and not found["wrong"] for found in made)
    late = sum(found.get("error") == "late" for found in results)
    counts = [len(results), len(made), len(made) - wrong - narrow, wrong, narrow, late]
    sizes = spread([found["bytes"] / 1e6 for found in made])
    return [suite, vocabulary, *counts, *spread([found["seconds"] for found in made]), *sizes]


def spread(values: list[float]) -> list[str]:
    """Return the median, the 95th percentile and the maximum."""
    ordered = sorted(values) or [float("nan")]
    three = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]
    return [figures(value) for value in three]


def main():
    options = parser(__doc__ or "", "nothing else", "a few schemas of our own, and no folder")
    options.add_argument("folders", nargs="*", type=Path)
    options.add_argument("--vocabulary", help="a tokenizer.json, or the path or name of a model")
    options.add_argument("--every", type=int, default=1, help="take each n-th schema")
    options.add_argument("--limit", type=float, default=30, help="seconds for a schema")
    options.add_argument("--list", action="store_true", help="name every schema that is not right")
    given = options.parse_args()
    if not (given.folders or given.quick):
        options.error("give the folder of a suite, or --quick")
    before = environment(())
    print(heading(before))
    suites = {folder.name: cases(folder)[:: given.every] for folder in given.folders}
    names = [BYTES, *filter(None, [given.vocabulary])]
    vocabularies = {name: vocabulary(name) for name in names}
    rows = []
    for (suite, some), name in itertools.product((suites or {"ours": QUICK}).items(), names):
        results, reasons = [], collections.Counter()
        call = functools.partial(judged, vocabulary=vocabularies[name], limit=given.limit)
        for case, found in limited(call, some, WALL * given.limit):
            results.append(found or {"error": "late"})
            found = results[-1]
            if "error" in found:
                reasons[found["error"].split(" at ")[0]] += 1
            if given.list and (found.get("error") or found["wrong"] or found["narrow"]):
                shown = {k: v for k, v in found.items() if v and k in ("error", "wrong", "narrow")}
                print(case.name, str(shown)[:300], flush=True)
        rows.append(line(suite, f"{Path(name).stem} {len(vocabularies[name].tokens)}", results))
        for reason, count in reasons.most_common(20):
            print(f"{count:4} {reason[:150]}")
    headers = ["suite", "vocabulary", "schemas", "compile", "right", "wrong", "narrow", "late"]
    headers += ["p50 s", "p95 s", "max s", "p50 MB", "p95 MB", "max MB"]
    print(table(headers, rows))
    if given.out:
        found = [dict(zip(headers, row, strict=True)) for row in rows]
        results = {"benchmark": "schemas", "before": before, "load_after": load(), "suites": found}
        print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
