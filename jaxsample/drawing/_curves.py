"""The whole distribution, sorted, on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxsample.drawing._picture import BLUE, FAINT, WIDTH, Drawn, element, words

HEIGHT = 150
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 18, 30
POINTS = 160
LOWEST = 1e-8  # what is less likely is not drawn


def curve(before: Sequence[float], after: Sequence[float] = ()) -> Drawn:
    """Draw probabilities against their rank, before and after a sampler.

    Args:
        before, after: probabilities above 0, largest first; none if there is no sampler.
    """
    size = max(2, len(before), len(after))
    ends = [p[-1] for p in (before, after) if len(p)]
    decades = min(8, max(1, math.ceil(-math.log10(max(LOWEST, min(ends, default=0.1))))))

    def x(rank):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(rank) / math.log(size)

    def y(p):
        drop = min(-math.log10(max(p, LOWEST)), decades) / decades
        return TOP + (HEIGHT - TOP - BOTTOM) * drop

    parts = []
    step = 1 if decades <= 4 else 2
    for n in range(0, decades + 1, step):
        height = y(10.0**-n)
        parts.append(_line(LEFT, height, WIDTH - RIGHT, height))
        parts.append(_tick(f"{10.0**-n:g}", LEFT - 5, height + 3, "end"))
    rank = 1
    while rank <= size:
        parts.append(_line(x(rank), TOP, x(rank), HEIGHT - BOTTOM))
        parts.append(_tick(f"{rank:,}", x(rank), HEIGHT - BOTTOM + 12, "middle"))
        rank *= 10
    parts.append(_tick("rank of the token", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "middle"))
    styles = dict(opacity=0.5), dict(color=BLUE)
    names = "the model", "after the sampler"
    for i, (p, style, name) in enumerate(zip((before, after), styles, names, strict=True)):
        points = [f"{x(r):.1f},{y(p[r - 1]):.1f}" for r in _ranks(len(p)) if p[r - 1] >= LOWEST]
        drawn = element(
            "polyline", points=" ".join(points), fill="none", stroke="currentColor",
            stroke_width=2, stroke_linejoin="round",
        )  # fmt: skip
        end = ""
        if i and len(p) and p[-1] >= LOWEST:  # where the sampler stops
            place = dict(cx=float(x(len(p))), cy=float(y(p[-1])))
            end = element("circle", **place, r=3)
        left = WIDTH - RIGHT - 210 + 90 * i
        key = element("rect", x=left, y=4, width=14, height=3) if len(p) else ""
        parts.append(element("g", drawn, end, key, fill="currentColor", **style))
        parts.append(words(name, left + 18, 9, font_size=10, opacity=FAINT) if key else "")
    return float(WIDTH), float(HEIGHT), "".join(parts)


def _ranks(count):
    """Ranks from 1 to `count`, evenly spaced on a logarithmic axis."""
    if count <= POINTS:
        return range(1, count + 1)
    return sorted({round(count ** (i / (POINTS - 1))) for i in range(POINTS)})


def _line(x1, y1, x2, y2):
    return element(
        "line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), stroke="currentColor",
        opacity=0.15,
    )  # fmt: skip


def _tick(text, x, y, anchor):
    return words(text, float(x), float(y), font_size=9.5, opacity=FAINT, text_anchor=anchor)
