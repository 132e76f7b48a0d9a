"""The tables and the picture of benchmarks/sampling.py, from its results."""

from __future__ import annotations

from pathlib import Path

from harness.plot import Panel, picture
from harness.report import faster, figures, median_interval, ratio, table

SHOWN = ("k 50 + p .9", "p .9", "T")


def fastest(case: dict, labels: list[str]) -> list[float] | None:
    """Return the runs of a peer's arm with the least median, or None if none ran."""
    found = [case["arms"][label] for label in labels if label in case["arms"]]
    return min(found, key=lambda arm: arm["median_s"])["times_s"] if found else None


def tables(results: dict) -> str:
    """Return a table for every input and shape, with chains as rows and peers as columns."""
    peers = results["peers"]
    written = []
    for (batch, vocabulary, name), cases in _groups(results).items():
        floors = {
            floor: min(case["arms"][floor]["median_s"] for case in cases) for floor in ("g1", "g2")
        }
        headers = [f"({batch}, {vocabulary}) {name}", "ours us", "x g2", *peers]
        written.append(
            table(headers, [_line(case, peers) for case in cases])
            + f"\ng1 {figures(floors['g1'] * 1e6)} us, g2 {figures(floors['g2'] * 1e6)} us"
        )
    return "\n\n".join(written)


def kept_tables(results: dict) -> str:
    """Return a table of the sizes of kept sets for every shape of the real rows, or nothing."""
    written = []
    for (batch, vocabulary, name), cases in _groups(results).items():
        rows = [_kept(case["chain"], case["kept"]) for case in cases if case["kept"]]
        title = f"({batch}, {vocabulary}) {name}: tokens kept"
        headers = [title, "median", "90%", "largest", "rows that keep over 64"]
        written += ["", table(headers, rows)] if rows else []
    return "\n".join(written)


def _kept(chain, kept):
    shown = [f"{kept[name]:,.6g}".replace(",", " ") for name in ("median", "p90", "largest")]
    return [chain, *shown, f"{kept['beyond']:.0%}"]


def _groups(results):
    groups: dict[tuple, list] = {}
    for case in results["cases"]:
        groups.setdefault((*case["shape"], case["input"]), []).append(case)
    return groups


def _line(case, peers):
    ours, g2 = case["arms"]["ours"], case["arms"]["g2"]
    over = ratio(ours["times_s"], g2["times_s"])
    cells = [
        case["chain"],
        figures(ours["median_s"] * 1e6),
        figures(over.value) if over else "unclear",
    ]
    for peer in peers.values():
        theirs = fastest(case, peer["arms"])
        cells.append(faster(ratio(theirs, ours["times_s"])) if theirs else "-")
    return cells


def draw(results: dict, path: Path) -> Path | None:
    """Draw the time against V and B for the first input; return None if no axis has two points."""
    name = results["cases"][0]["input"]
    cases = [case for case in results["cases"] if case["input"] == name]
    chains = [chain for chain in SHOWN if any(case["chain"] == chain for case in cases)]
    panels = []
    for chain in chains:
        mine = [case for case in cases if case["chain"] == chain]
        panels += _against(mine, results["peers"], chain, fixed=0)
        panels += _against(mine, results["peers"], chain, fixed=1)
    if not panels:
        return None
    title = f"A token for every row: {name} logits"
    return picture(path, panels, title, columns=-(-len(panels) // len(chains)))


def _against(cases, peers, chain, fixed):
    """Return a panel for each batch (fixed = 0) or vocabulary (fixed = 1) with two points."""
    panels = []
    for value in sorted({case["shape"][fixed] for case in cases}):
        chosen = [case for case in cases if case["shape"][fixed] == value]
        ticks = sorted({case["shape"][1 - fixed] for case in chosen})
        if len(ticks) < 2:
            continue
        lines: dict[str, list] = {}
        arms = {"g1": ["g1"], "g2": ["g2"], "ours": ["ours"]}
        arms |= {peer: entry["arms"] for peer, entry in peers.items()}
        for arm, labels in arms.items():
            for case in chosen:
                runs = fastest(case, labels)
                if runs:
                    low, high = median_interval(runs)
                    middle = sorted(runs)[len(runs) // 2]
                    point = (case["shape"][1 - fixed], *(1e6 * y for y in (middle, low, high)))
                    lines.setdefault(arm, []).append(point)
        panels.append(
            Panel(
                title=f"{chain}, {'BV'[fixed]} = {value}",
                xlabel="VB"[fixed],
                ylabel="us",
                lines=lines,
                floors=("g1", "g2"),
                bold="ours",
                ticks=ticks,
            )
        )
    return panels
