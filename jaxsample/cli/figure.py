"""The stages of a sampler as a figure: a panel for each, the distribution before it in grey."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from jaxsample.cli.paths import check_file, naming
from jaxsample.show import Stage, entropy, percent

BLUE, GHOST, RED, INK = "#3b7dd8", "#c9ced6", "#cc3344", "#333b46"
LONGEST_NAME, LONGEST_PROMPT = 16, 60


def check(path: Path) -> None:
    """Refuse a path where no PNG can be written.

    Raises:
        ValueError: with the reason and the remedy.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"--png: {path} does not end in .png")
    check_file("--png", path)


def write(
    path: Path,
    prompt: str,
    raw: np.ndarray,
    stages: Sequence[Stage],
    tokens: np.ndarray,
    names: Sequence[str],
) -> None:
    """Draw bars of some tokens in a panel for each stage, or for the model if there is no stage.

    Args:
        path: the file.
        prompt: the text before the tokens.
        raw: `[V]`, the model's probabilities.
        stages: the steps of the sampler.
        tokens: `[N]`, the ids to show, most likely first.
        names: their texts.

    Raises:
        OSError: if the file cannot be written.
    """
    panels = max(1, len(stages))
    figure = Figure(figsize=(12 if panels > 1 else 8, 6.75), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, sharex=True, sharey=True, squeeze=False)[0]
    highest = max(float(p.max()) for p in [raw, *(stage.after for stage in stages)])
    for i, ax in enumerate(axes):
        _panel(ax, raw, stages[i] if stages else None, tokens, highest)
    readable = [_printable(_clipped(name, LONGEST_NAME)) for name in names]
    axes[0].set_yticks(range(len(tokens)), readable, color=INK)
    axes[0].set_ylim(len(tokens) - 0.4, -0.6)
    end = _clipped(" ".join(prompt.split())[::-1], LONGEST_PROMPT)[::-1]
    title = f"What comes after “{_printable(end)}”" if end else "What a text begins with"
    figure.suptitle(title, x=0.01, ha="left", size=15, weight="bold", color=INK)
    if stages:
        marks = [
            Patch(color=GHOST, label="before the step"),
            Patch(color=BLUE, label="after it"),
            Line2D([], [], color=RED, marker="x", linestyle="", label="cut by the step"),
        ]
        figure.legend(handles=marks, loc="outside lower right", ncols=3, frameon=False)
    with naming(path):
        figure.savefig(path, facecolor="white")


def _panel(ax, raw, stage, tokens, highest):
    after = raw if stage is None else stage.after
    rows = np.arange(len(tokens))
    if stage is not None:
        ax.barh(rows, stage.before[tokens], height=0.86, color=GHOST)
    ax.barh(rows, after[tokens], height=0.5, color=BLUE)
    for row, token in enumerate(tokens):
        reach = max(after[token], 0 if stage is None else stage.before[token])
        cut = stage is not None and stage.cut[token]
        if cut or after[token] > 0:
            text, color = ("✕", RED) if cut else (percent(after[token]), INK)
            ax.text(reach + 0.015 * highest, row, text, va="center", color=color, size=9)
    ax.set_xlim(0, 1.26 * highest)
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.tick_params(axis="y", length=0, labelsize=10)
    ax.tick_params(axis="x", labelsize=9, colors="#6b7480")
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.spines["left"].set_color(GHOST)
    ax.grid(axis="x", color="#eceff3")
    ax.set_axisbelow(True)
    if stage is None:
        ax.set_title(f"the model, entropy {entropy(raw):.2f} nats", loc="left", size=11, color=INK)
        return
    change = f"entropy {entropy(stage.before):.2f} → {entropy(stage.after):.2f} nats"
    ax.set_title(f"{stage.summary}\n{change}", loc="left", size=9.5, color=INK)
    name = dict(xycoords="axes fraction", textcoords="offset points", va="bottom")
    ax.annotate(stage.label, (0, 1), (0, 36), size=13, weight="bold", color=BLUE, **name)


def _clipped(text, longest):
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _printable(text):
    """Escape characters that the font lacks, and $, which begins mathematics in matplotlib."""
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    shown = [c if ord(c) in known else c.encode("unicode_escape").decode() for c in text]
    return "".join(shown).replace("$", r"\$")
