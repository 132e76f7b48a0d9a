"""The pictures of the experiment, drawn from its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...harness.plot import COLORS, MARKERS, Panel, picture, plt

LADDER = {
    "plain": "plain",
    "fixed_oracle": "fixed T, tuned on test",
    "edt_oracle": "EDT, tuned on test",
    "edt_token": "EDT per token, hidden",
    "temperature_distribution": "T per token, distribution",
    "temperature_hidden": "T per token, hidden",
    "nucleus_hidden": "T, p, min-p per token, hidden",
    "oracle": "oracle T per token",
}
FLOOR = 1e-6
"""Nats. Smaller values are drawn here, because the axis is logarithmic."""


def draw(results: dict[str, Any], out: Path) -> list[Path]:
    """Draw all pictures into a folder; return their paths."""
    paths = [ladder(results["worlds"], out / "ladder.png")]
    with_best = {n: w for n, w in results["worlds"].items() if w["temperatures"]}
    if with_best:
        paths.append(heats(with_best, out / "temperatures.png"))
    paths.append(best_of(results["worlds"], out / "best_of.png"))
    paths.append(front(results["front"], out / "front.png"))
    return paths


def ladder(worlds: dict[str, Any], path: Path) -> Path:
    """Draw KL by world and rung, with intervals; infinite values are left out."""
    figure, axes = plt.subplots(figsize=(1.3 * len(worlds) + 4, 4.8))
    for i, (arm, label) in enumerate(LADDER.items()):
        points = []
        for x, world in enumerate(worlds.values()):
            found = world.get(arm) or world["rungs"].get(arm)
            if found and isinstance(found["kl"], float):
                values = [found["kl"], *found["ci"]]
                points.append([x + (i - len(LADDER) / 2) * 0.09, *np.maximum(values, FLOOR)])
        if not points:
            continue
        x, kl, low, high = np.array(points).T
        color = COLORS[i % len(COLORS)]
        axes.vlines(x, low, high, color=color, alpha=0.6)
        axes.plot(x, kl, MARKERS[i % len(MARKERS)], color=color, label=label, markersize=5)
    axes.set(yscale="log", ylabel="KL(truth || sampler), nats per token")
    axes.set_xticks(range(len(worlds)), worlds, rotation=30)
    axes.grid(alpha=0.3, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return _saved(figure, path)


def heats(worlds: dict[str, Any], path: Path) -> Path:
    """Draw the learned temperature against the best one, position by position."""
    columns = min(4, len(worlds))
    rows = -(-len(worlds) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.3 * rows), squeeze=False)
    for axes in grid.flat[len(worlds) :]:
        axes.set_visible(False)
    for axes, (name, world) in zip(grid.flat, worlds.items(), strict=False):
        points = world["temperatures"]["points"]
        best, learned = np.array(points["ideal"]), np.array(points["learned"])
        kinds = np.array(points["kind"])
        for i, kind in enumerate(world["plain"]["kinds"]):
            here = kinds == i
            if here.any():
                axes.plot(
                    best[here],
                    learned[here],
                    ".",
                    color=COLORS[i],
                    markersize=3,
                    alpha=0.5,
                    label=kind,
                )
        axes.axline((1, 1), slope=1, color="black", linewidth=0.8)
        axes.set(xscale="log", yscale="log", title=name, xlabel="best T", ylabel="learned T")
        axes.legend(frameon=False, fontsize=7, markerscale=3)
    return _saved(figure, path)


def best_of(worlds: dict[str, Any], path: Path) -> Path:
    """Draw the test score of the best of n settings, the median over choices of n."""
    panels = []
    for name, world in worlds.items():
        lines = {
            family: [
                (n, max(value, FLOOR))
                for n, value in zip(curve["n"], curve["median"], strict=True)
                if isinstance(value, float)
            ]
            for family, curve in world["best_of"].items()
        }
        panels.append(Panel(name, "settings tried", "KL, nats per token", lines, bold="learned"))
    return picture(path, panels, "the best of n settings, chosen without the test set", columns=4)


def front(found: dict[str, Any], path: Path) -> Path:
    """Draw the share of grammatical stories against the entropy, for curves and policies."""
    figure, axes = plt.subplots(figsize=(8, 5))
    for i, (name, points) in enumerate(found["curves"].items()):
        x, y = (np.array([p[key] for p in points]) for key in ("entropy", "grammatical"))
        style = "-" if name.startswith("fixed") else "--"
        axes.plot(x, y, style, marker=".", color=COLORS[(i // 2) % 6], label=name, linewidth=1)
    for name, marker in zip(found["learned"], "*P", strict=False):
        points = found["learned"][name]["points"]
        x, y = ([p[key] for p in points] for key in ("entropy", "grammatical"))
        axes.plot(x, y, marker, color="black", markersize=10, label=f"learned, {name}")
    truth = found["truth"]
    axes.plot(truth["entropy"], 1.0, "x", color="red", markersize=9, label="the truth")
    axes.set(xlabel="entropy of the stories, nats", ylabel="share of grammatical stories")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7)
    return _saved(figure, path)


def _saved(figure, path):
    figure.set_layout_engine("constrained")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path
