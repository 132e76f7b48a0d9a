"""The tables and the picture of benchmarks/nucleus.py, from its results."""

from __future__ import annotations

from pathlib import Path

from harness.plot import Panel, picture
from harness.report import faster, figures, ratio, table
from harness.steps import largest_step

from .show import fastest

SORT = "jax sort"


def tables(results: dict) -> str:
    """Return the tables and remarks for every batch size."""
    parts = []
    for found in results["batches"]:
        title = f"({found['batch']}, {found['vocabulary']}) {results['rows']}"
        costs = {key: cell["arm"]["median_s"] for key, cell in _cells(found).items()}
        beyond = {key: cell["beyond"] for key, cell in _cells(found).items()}
        parts += [
            _grid(f"{title}, x g2", {key: _over_g2(found, key) for key in costs}),
            f"g2 {figures(found['g2']['median_s'] * 1e6)} us",
            _grid(f"{title}, rows that keep over 64", {k: f"{v:.0%}" for k, v in beyond.items()}),
            "\n".join(_step_line(costs, axis) for axis in (0, 1)),
            *_against_peers(title, found, results),
        ]
    return "\n\n".join(part for part in parts if part)


def _cells(found):
    return {(cell["p"], cell["temperature"]): cell for cell in found["cells"]}


def _over_g2(found, key):
    over = ratio(_cells(found)[key]["arm"]["times_s"], found["g2"]["times_s"])
    return figures(over.value) if over else "unclear"


def _grid(title, shown):
    ps, temperatures = (sorted({key[axis] for key in shown}) for axis in (0, 1))
    rows = [[f"p {p:g}", *(shown[p, t] for t in temperatures)] for p in ps]
    return table([title, *(f"T {t:g}" for t in temperatures)], rows)


def _step_line(costs, axis):
    step = largest_step(costs, axis)
    if step is None:
        return ""
    where = " over ".join(f"p {p:g} T {t:g}" for p, t in (step.dearer, step.cheaper))
    return f"largest step in {'pT'[axis]}: {step.value:.2f}, {where}: {step.words()}"


def _against_peers(title, found, results):
    compared, cells = results["compared"], _cells(found)
    if not results["peers"] or all(t != compared for _, t in cells):
        return
    rows = []
    for case in found["peers"]:
        ours = cells[case["p"], compared]["arm"]["times_s"]
        runs = [fastest(case, labels) for labels in results["peers"].values()]
        rows.append(
            [f"p {case['p']:g}", *(faster(ratio(one, ours)) if one else "-" for one in runs)]
        )
    yield table([f"{title}, T {compared:g}: ours is", *results["peers"]], rows)
    by_p = {case["p"]: case["arms"].get(SORT) for case in found["peers"]}
    least = min(
        (
            (by_p[p]["median_s"] / cell["arm"]["median_s"], (p, t))
            for (p, t), cell in cells.items()
            if by_p[p]
        ),
        default=None,
    )
    if least:
        value, (p, t) = least
        yield f"{SORT} takes at least {figures(value)} times as long as ours, at p {p:g} T {t:g}"


def draw(results: dict, path: Path) -> Path:
    """Draw cost against p: ours and the peers at one temperature, and ours at every temperature."""
    compared, panels = results["compared"], []
    for show in (_peer_lines, _own_lines):
        for found in results["batches"]:
            panels.append(
                Panel(
                    title=f"B = {found['batch']}, V = {found['vocabulary']}"
                    + (f", T = {compared:g}" if show is _peer_lines else ""),
                    xlabel="p",
                    ylabel="x g2",
                    lines={"g2": [(case["p"], 1.0) for case in found["peers"]]}
                    | show(found, results),
                    floors=("g2",),
                    bold=_label(compared),
                    log="y",
                    ticks=(0.5, 0.6, 0.7, 0.8, 0.9, 0.99),
                )
            )
    title = f"the cost of top-p on {results['rows']} rows, in reads of the logits (g2)"
    return picture(path, panels, title, columns=len(results["batches"]))


def _label(temperature):
    return f"ours, T {temperature:g}"


def _own_lines(found, results):
    del results
    lines: dict[str, list] = {}
    for (p, t), cell in _cells(found).items():
        lines.setdefault(_label(t), []).append((p, *_point(cell["arm"], found)))
    return lines


def _peer_lines(found, results):
    compared = _label(results["compared"])
    lines = {name: line for name, line in _own_lines(found, results).items() if name == compared}
    for name, labels in results["peers"].items():
        for case in found["peers"]:
            arms = [case["arms"][label] for label in labels if label in case["arms"]]
            if arms:
                best = min(arms, key=lambda arm: arm["median_s"])
                lines.setdefault(name, []).append((case["p"], *_point(best, found)))
    return lines


def _point(arm, found):
    return [arm[name] / found["g2"]["median_s"] for name in ("median_s", "low_s", "high_s")]
