"""An explanation as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxsample.drawing._characters import cells, clipped, percent, visible
from jaxsample.show._stages import Stage, entropy, numbers, probabilities

LONGEST = 24  # columns of the text of a token


def table(
    logits: np.ndarray, stages: Sequence[Stage], tokens: np.ndarray, names: Sequence[str]
) -> str:
    """Write tokens as lines, the model and each stage as columns, and their numbers below."""
    shown = [clipped(visible(name), LONGEST) for name in names]
    columns = [["next token", *shown, "entropy", "kept", "cut", "temperature"]]
    raw = probabilities(logits)
    head = ["the model", *(percent(float(raw[token])) for token in tokens)]
    columns.append([*head, f"{entropy(raw):.3f}", f"{int((raw > 0).sum())}", "", ""])
    for stage in stages:
        column = [stage.label]
        for token in tokens:
            gone = "✕" if stage.cut[token] else ""
            kept = np.isfinite(stage.returned[token])
            column.append(percent(float(stage.after[token])) if kept else gone)
        after, *rest = numbers(stage)
        columns.append([*column, after.rpartition(" ")[2], f"{stage.kept}", *rest[1:]])
    wide = [max(map(cells, column)) for column in columns]
    lines = []
    for first, *others in zip(*columns, strict=True):
        if first in ("cut", "temperature") and not any(others):
            continue
        line = first + " " * (wide[0] - cells(first))
        for text, width in zip(others, wide[1:], strict=True):
            line += "  " + " " * (width - cells(text)) + text
        lines.append(line.rstrip())
    return "\n".join(lines)
