"""Stages of a sampler as bars in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxsample.cli.stages import Stage, entropy

EIGHTHS = " ▏▎▍▌▋▊▉█"
LABEL, PERCENT, WIDEST = 14, 6, 24
STYLES = "blue", "cyan"


def show(
    console: Console,
    raw: np.ndarray,
    stages: Sequence[Stage],
    tokens: np.ndarray,
    names: Sequence[str],
) -> None:
    """Print the bars of some tokens under the model and after every stage, then the numbers.

    Args:
        console: where to.
        raw: `[V]`, the model's probabilities.
        stages: what the sampler did.
        tokens: `[N]`, ids to show, likeliest first.
        names: how they read.
    """
    console.print(_bars(console.width, raw, stages, tokens, names))
    console.print(_numbers(raw, stages))


def bar(share: float, width: int) -> str:
    """Draw a share of `width` cells, to an eighth of a cell; a share above 0 is never empty."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    full, part = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[part] if part else "")).ljust(width)


def percent(p: float) -> str:
    """Write a probability in at most six characters."""
    return "<0.1%" if 0 < p < 0.0005 else f"{p:.1%}" if p < 0.9995 else "100%"


def _bars(width, raw, stages, tokens, names):
    columns = [raw, *(stage.after for stage in stages)]
    cells = (width - LABEL) // len(columns) - PERCENT - 3
    cells = max(3, min(WIDEST, cells))
    highest = max(float(column[tokens].max()) for column in columns)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", collapse_padding=True)
    table.add_column("next token", width=LABEL - 2, no_wrap=True, overflow="ellipsis")
    for label in ["the model", *(stage.label for stage in stages)]:
        table.add_column(label, width=cells + 1 + PERCENT, vertical="bottom")
    for token, name in zip(tokens, names, strict=True):
        row = [Text(name)]
        for i, column in enumerate(columns):
            style = STYLES[i % 2]
            if i and stages[i - 1].cut[token]:
                row.append(Text("✂ cut".rjust(cells + 1 + PERCENT), "red"))
            elif not np.isfinite(stages[i - 1].returned[token]) if i else False:
                row.append(Text())
            else:
                line = Text(bar(column[token] / highest, cells), style)
                row.append(line.append(percent(column[token]).rjust(PERCENT + 1), "default"))
        table.add_row(*row)
    others = len(raw) - len(tokens)
    if others > 0:
        row = [Text(f"{others} others", "dim")]
        for column in columns:
            rest = max(0.0, 1 - float(column[tokens].sum()))
            rest = percent(rest) if rest > 1e-6 else ""
            row.append(Text(rest.rjust(cells + 1 + PERCENT), "dim"))
        table.add_row(*row)
    return table


def _numbers(raw, stages):
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold", collapse_padding=True)
    table.add_column("\nstep", no_wrap=True)
    for name in ("entropy\nnats", "kept\ntokens", "cut\nmass", "effective\ntemperature"):
        table.add_column(name, justify="right")
    table.add_row("the model", f"{entropy(raw):.3f}", f"{int((raw > 0).sum())}", "", "")
    for stage in stages:
        before, after = entropy(stage.before), entropy(stage.after)
        heat, dropped = stage.temperature, bool(stage.cut.any())
        table.add_row(
            stage.label,
            f"{before:.3f} → {after:.3f}",
            f"{int(np.isfinite(stage.received).sum())} → {stage.kept}" if dropped else "all",
            f"{stage.mass_cut:.2%}" if dropped else "",
            "" if heat is None or stage.transform.kind == "set" else f"{heat:.3g}",
        )
    return table
