"""The stages of a sampler as bars in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxsample.show import Stage, entropy, numbers, percent

EIGHTHS = " ▏▎▍▌▋▊▉█"
LABEL, PERCENT = 14, 6
NARROWEST, WIDEST = 4, 24  # cells of a bar; a column of the narrowest still holds "Temperature"
NUMBERS = 70  # columns that the table of numbers needs
STYLES = "blue", "cyan"


def show(
    console: Console,
    raw: np.ndarray,
    stages: Sequence[Stage],
    tokens: np.ndarray,
    names: Sequence[str],
) -> None:
    """Print bars of some tokens under the model and after each stage, then numbers.

    Stages for which the terminal is too narrow follow in further tables.

    Args:
        console: where to print.
        raw: `[V]`, the model's probabilities.
        stages: the steps of the sampler.
        tokens: `[N]`, the ids to show, most likely first.
        names: their texts.
    """
    columns: list[Stage | None] = [None, *stages]
    most = max(1, (console.width - LABEL) // (NARROWEST + PERCENT + 2))
    cells = (console.width - LABEL) // min(most, len(columns)) - PERCENT - 2
    cells = max(NARROWEST, min(WIDEST, cells))
    highest = max(float(_probabilities(raw, stage)[tokens].max()) for stage in columns)
    for first in range(0, len(columns), most):
        if first:
            console.print()
        some = columns[first : first + most]
        console.print(_bars(cells, raw, some, tokens, names, highest, first))
    if console.width >= NUMBERS:
        console.print(_table(raw, stages))
    else:
        console.print()
        for line in _lines(raw, stages):
            console.print(line)


def bar(share: float, width: int) -> str:
    """Draw a share of `width` cells, to an eighth of a cell; a share above 0 is never empty."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    full, part = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[part] if part else "")).ljust(width)


def _probabilities(raw, stage):
    return raw if stage is None else stage.after


def _bars(cells, raw, columns, tokens, names, highest, first):
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", collapse_padding=True)
    table.add_column("next token", width=LABEL - 2, no_wrap=True, overflow="ellipsis")
    for stage in columns:
        label = "the model" if stage is None else stage.label
        table.add_column(label, width=cells + 1 + PERCENT, vertical="bottom")
    for token, name in zip(tokens, names, strict=True):
        row = [Text(name)]
        for i, stage in enumerate(columns, first):
            if stage is not None and stage.cut[token]:
                row.append(Text("✂ cut".rjust(cells + 1 + PERCENT), "red"))
            elif stage is not None and not np.isfinite(stage.returned[token]):
                row.append(Text())
            else:
                p = _probabilities(raw, stage)[token]
                line = Text(bar(p / highest, cells), STYLES[i % 2])
                row.append(line.append(percent(p).rjust(PERCENT + 1), "default"))
        if any(row[1:]):
            table.add_row(*row)
    others = len(raw) - len(tokens)
    if others > 0:
        row = [Text(f"{others} others", "dim")]
        for stage in columns:
            rest = max(0.0, 1 - float(_probabilities(raw, stage)[tokens].sum()))
            rest = percent(rest) if rest > 1e-6 else ""
            row.append(Text(rest.rjust(cells + 1 + PERCENT), "dim"))
        table.add_row(*row)
    return table


def _table(raw, stages):
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold", collapse_padding=True)
    table.add_column("\nstep", no_wrap=True)
    for name in ("entropy\nnats", "kept\ntokens", "cut\nmass", "effective\ntemperature"):
        table.add_column(name, justify="right")
    table.add_row("the model", f"{entropy(raw):.3f}", f"{int((raw > 0).sum())}", "", "")
    for stage in stages:
        table.add_row(stage.label, *numbers(stage))
    return table


def _lines(raw, stages):
    """Yield the same numbers as one sentence per step, which a narrow terminal can wrap."""
    yield _line("the model", f"entropy {entropy(raw):.3f} nats, {int((raw > 0).sum())} tokens")
    for stage in stages:
        nats, kept, mass, heat = numbers(stage)
        parts = [f"entropy {nats} nats", f"keeps {kept} tokens"]
        parts += [f"cuts {mass} of the mass"] if mass else []
        parts += [f"effective temperature {heat}"] if heat else []
        yield _line(stage.label, ", ".join(parts))


def _line(label, text):
    return Text.assemble((f"{label}: ", "bold"), text)
