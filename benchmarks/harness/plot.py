"""The picture of a benchmark, drawn from its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000"]
MARKERS = "oDsv^P*X"


@dataclass
class Panel:
    """Lines by name, each of points (x, y) or (x, y, low, high).

    Both axes are logarithmic, or only that of y if `log` is "y", or none if it is False.
    The names in `floors` are drawn as dashed black lines without markers, `bold` is drawn thick.
    Without `markers` no line has them, for many points that lie close together.
    """

    title: str
    xlabel: str
    ylabel: str
    lines: dict[str, Sequence[Sequence[float]]]
    floors: Sequence[str] = ()
    bold: str | None = None
    log: bool | str = True
    ticks: Sequence[float] = field(default_factory=list)
    markers: bool = True


def picture(path: Path, panels: Sequence[Panel], title: str, columns: int = 3) -> Path:
    """Draw the panels in a grid, with one legend for all, into the PNG `path`."""
    columns = max(1, min(columns, len(panels)))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(4.6 * columns, 3.7 * rows + 1.0), squeeze=False
    )
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    floors = [name for name in names if any(name in panel.floors for panel in panels)]
    peers = [name for name in names if name not in floors]
    handles = {}
    for axes, panel in zip(grid.flat, panels, strict=False):
        for name, points in panel.lines.items():
            if points:
                handles[name] = _line(axes, name, sorted(points), panel, floors, peers)
        _dress(axes, panel)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=12)
    ordered = [name for name in names if name in handles]
    across = min(4, 2 * columns)  # the entries that fit under a row of panels
    figure.legend(
        [handles[name] for name in ordered],
        ordered,
        loc="lower center",
        ncols=across,
        frameon=False,
    )
    lines = -(-len(ordered) // across)
    figure.tight_layout(rect=(0, 0.25 * lines / figure.get_figheight() + 0.02, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


def _line(axes, name, points, panel, floors, peers):
    x, y = [point[0] for point in points], [point[1] for point in points]
    if name in floors:
        style = "--" if floors.index(name) == 0 else ":"
        return axes.plot(x, y, style, color="black", linewidth=1.2)[0]
    number = peers.index(name)
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    again = number >= len(COLORS)  # the second line of its color is drawn differently
    if len(points[0]) == 4:
        axes.vlines(x, [p[2] for p in points], [p[3] for p in points], color=color, alpha=0.5)
    bold = name == panel.bold
    return axes.plot(
        x,
        y,
        color=color,
        marker=marker if panel.markers else None,
        linestyle="-." if again else "-",
        markerfacecolor="white" if again else color,
        linewidth=2.6 if bold else 1.3,
        zorder=3 if bold else 2,
    )[0]


def _dress(axes, panel):
    axes.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
    axes.title.set_fontsize(10)
    if panel.log:
        axes.set(xscale="linear" if panel.log == "y" else "log", yscale="log")
    if panel.ticks:
        axes.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
        axes.minorticks_off()
    axes.grid(alpha=0.3)
