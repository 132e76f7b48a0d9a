"""The tables and the picture of benchmarks/compile.py."""

from __future__ import annotations

import itertools
import statistics

from harness.plot import Panel, picture
from harness.report import faster, figures, median_interval, ratio, table

from .retrace import OURS

PARTS = ("trace", "lower", "compile")


def tables(results: dict) -> str:
    """Return the tables."""
    batch, vocabulary = results["shape"]
    parts = [
        f"seconds to the first token of a fresh process, {results['model']} Llama, "
        f"{len(results['first_token'])} processes; medians",
        _first(results["first_token"]),
        f"a sampler with T, k and p at [{batch}, {vocabulary}]: ms of a call; medians",
        _settings(results["settings"]),
    ]
    if results["generate"]:
        parts.append(_generate(results["generate"]))
    return "\n\n".join(parts)


def _first(laps):
    rows, total = [], 0.0
    for name in laps[0]:
        seconds = [lap[name]["seconds"] for lap in laps]
        middle = statistics.median(seconds)
        total += middle
        parts = [statistics.median(lap[name].get(part, 0.0) for lap in laps) for part in PARTS]
        until = "" if name == "again" else figures(total)
        shown = [figures(part) if part else "" for part in parts]
        rows.append([name, figures(middle), until, *shown])
    headers = ["stage", "seconds", "sum", "of which tracing", "lowering", "XLA"]
    return table(headers, rows)


def _settings(found):
    rows = []
    for name, arm in found.items():
        traces = "" if arm["traces"] is None else arm["traces"]
        count = len(arm["new_s"]) + 1
        again = ratio(arm["new_s"], found[OURS]["new_s"])
        rows.append(
            [
                name,
                count,
                traces,
                figures(arm["first_s"] * 1e3),
                figures(statistics.median(arm["new_s"]) * 1e3),
                figures(statistics.median(arm["seen_s"]) * 1e3),
                "" if name == OURS else faster(again),
            ]
        )
    headers = ["sampler", "settings", "traces", "first", "a new setting", "one seen", f"{OURS} is"]
    return table(headers, rows)


def _generate(arm):
    more = arm["calls_last"] - arm["calls_first"]
    count = len(arm["new_s"]) + 1
    return (
        f"generate, {count} settings mixing int, float, numpy and jax numbers: "
        f"{'one trace of each program' if not more else f'{more} more calls of the model'} "
        f"(the model's Python function ran {arm['calls_first']} times for the first setting, "
        f"{more} times for the other {count - 1});\n"
        f"{figures(arm['first_s'])} s for the first, "
        f"{figures(statistics.median(arm['new_s']) * 1e3)} ms for each further one"
    )


def draw(results: dict, path):
    """Draw the total seconds over settings and over the stages of a fresh process."""
    lines = {}
    for name, arm in results["settings"].items():
        sums = itertools.accumulate([arm["first_s"], *arm["new_s"]])
        lines[name] = list(enumerate(sums, 1))
    batch, vocabulary = results["shape"]
    title = f"T, k, p at [{batch}, {vocabulary}]"
    panels = [Panel(title, "settings tried", "seconds in total", lines, bold=OURS)]
    laps = results["first_token"]
    stages = [name for name in laps[0] if name != "again"]
    sums = [list(itertools.accumulate(lap[name]["seconds"] for name in stages)) for lap in laps]
    points = []
    for number, seconds in enumerate(zip(*sums, strict=True), 1):
        points.append((number, statistics.median(seconds), *median_interval(seconds)))
    panels.append(
        Panel(
            f"a fresh process, {results['model']} Llama",
            "after " + ", ".join(f"{n} {stage}" for n, stage in enumerate(stages, 1)),
            "seconds",
            {OURS: points},
            bold=OURS,
            log=False,
            ticks=range(1, len(stages) + 1),
        )
    )
    return picture(path, panels, "the time of compilation", columns=2)
