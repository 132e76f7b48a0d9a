"""Colours that show how sure the model was of a token."""

from __future__ import annotations

import bisect
import math

from rich.text import Text

from jaxsample.cli.decoding import Piece

# From sure to unsure. Most colour-blind readers can tell the hues apart, on light and on dark.
STYLES = "#3b82c4", "#2fa36b", "#c99700", "#e0701b bold", "#d7263d bold"
EDGES = {"probability": (0.9, 0.5, 0.1, 0.01), "entropy": (0.1, 0.5, 1.0, 2.0)}


def style_of(color: str | None, piece: Piece) -> str:
    """Return the style for the "probability" or "entropy" of a token; none if `color` is None."""
    if color is None:
        return ""
    if color == "entropy":
        return STYLES[bisect.bisect_right(EDGES[color], piece.entropy)]
    rising = EDGES[color][::-1]
    return STYLES[len(rising) - bisect.bisect_right(rising, math.exp(piece.model_logprob))]


def legend(color: str) -> Text:
    """Return a line that explains the colours."""
    edges = EDGES[color]
    comparison = ">=" if color == "probability" else "<"
    labels = [f"{comparison} {edge:g}" for edge in edges]
    labels.append(f"< {edges[-1]:g}" if color == "probability" else f">= {edges[-1]:g}")
    unit = "" if color == "probability" else " in nats"
    line = Text(f"{color} under the model{unit}:")
    for label, style in zip(labels, STYLES, strict=True):
        line.append("  ■ ", style).append(label, "dim")
    return line
