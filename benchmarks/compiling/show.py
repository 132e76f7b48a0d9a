"""The tables and the picture of benchmarks/compile.py."""

from __future__ import annotations

import itertools
import statistics

from harness.plot import Panel, picture
from harness.report import faster, figures, median_interval, ratio, table

from .retrace import OURS

PARTS = ("trace", "lower", "compile")


def tables(results: dict) -> str:
    """Return the tables of the parts that were measured."""
    shown = {
        "structures": _structures,
        "eager": _eager,
        "command": _command,
        "first": _first,
        "settings": _settings,
        "generate": _generate,
    }
    parts = [show(results[name], results) for name, show in shown.items() if results[name]]
    return "\n\n".join(parts)


def _structures(found, results):
    batch, vocabulary = results["shape_of_structures"]
    titles = {
        "samplers": f"CPU seconds to compile a draw at [{batch}, {vocabulary}]",
        "decoders": f"CPU seconds to compile decoding, {results['model']} Llama",
    }
    written = []
    for group, programs in found.items():
        base = next(iter(programs))
        rows = [
            [
                name,
                *(figures(arm[part]) for part in PARTS),
                figures(arm["total"]),
                "" if name == base else f"x {figures(arm['ratio'])}",
            ]
            for name, arm in programs.items()
        ]
        headers = [titles[group], "trace", "lower", "compile", "sum", f"of {base}"]
        written.append(table(headers, rows))
    return "\n\n".join(written)


def _eager(found, results):
    batch, vocabulary = results["shape_of_eager"]
    rows = []
    for name, arm in found.items():
        if "error" in arm:
            rows.append([name, arm["error"], *[""] * 6])
            continue
        ms = [1e3 * arm[key] for key in ("eager_s", "jitted_s")]
        rows.append(
            [
                name,
                arm["calls"],
                arm["compilations"],
                "" if arm["maps"] is None else arm["maps"],
                figures(arm["first_s"]),
                *map(figures, ms),
                f"{ms[0] - ms[1]:+.2f}",
            ]
        )
    title = f"calls outside jit, B = {batch}, V = {vocabulary}"
    compiled = ["compiled after the first", "more maps", "first, s"]
    return table([title, "calls", *compiled, "ms a call", "jitted", "over it"], rows)


def _command(found, results):
    del results
    rows = []
    for name, runs in found.items():
        middle = [statistics.median(run[key] for run in runs) for key in ("first_s", "cpu_s")]
        rows.append([f"{name} cache", len(runs), *map(figures, middle)])
    title = "jaxsample generate, the embedded model; medians"
    return table([title, "runs", "s to the first token", "CPU s in all"], rows)


def _first(laps, results):
    words = (
        f"seconds to the first token of a fresh process, {results['model']} Llama, "
        f"{len(laps)} processes; medians\n\n"
    )
    errors = [lap["error"] for lap in laps if "error" in lap]
    return words + ("; ".join(errors) if errors else _laps(laps))


def _laps(laps):
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


def _settings(found, results):
    batch, vocabulary = results["shape"]
    words = f"a sampler with T, k and p at [{batch}, {vocabulary}]: ms of a call; medians\n\n"
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
    return words + table(headers, rows)


def _generate(arm, results):
    del results
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
    """Draw the total seconds over settings and over the stages of a fresh process, if measured."""
    laps = results["first"]
    if not results["settings"] or not laps or any("error" in lap for lap in laps):
        return None
    lines = {}
    for name, arm in results["settings"].items():
        sums = itertools.accumulate([arm["first_s"], *arm["new_s"]])
        lines[name] = list(enumerate(sums, 1))
    batch, vocabulary = results["shape"]
    title = f"T, k, p at [{batch}, {vocabulary}]"
    panels = [Panel(title, "settings tried", "seconds in total", lines, bold=OURS)]
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
