"""Bars of the likeliest tokens before and after each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxsample.drawing._characters import cells, clipped, percent
from jaxsample.drawing._picture import BLUE, CODE, FAINT, GHOST, WIDTH, Drawn, element, words

NAMES = 118  # pixels of the names of tokens
ACROSS = 4  # panels in a band
ROW = 15
HEAD, FOOT = 34, 13  # above the bars, and of a line under them
PERCENT = 44
CELL = 6.1  # pixels of a character of a name
LETTER = 0.6  # of the size of a font: the width of most letters
MOST = 32  # characters of a transform's values


class Panel(NamedTuple):
    """One step of a sampler; the lists have an item for each token shown.

    Attributes:
        name, values: what is written above, such as "TopP" and "0.9".
        before: probabilities before the step, or None if there is no step.
        after: probabilities after it.
        dropped: whether the step dropped a token.
        others: the probability after it of all tokens that are not shown.
        notes: lines under the bars.
    """

    name: str
    values: str
    before: Sequence[float] | None
    after: Sequence[float]
    dropped: Sequence[bool]
    others: float
    notes: Sequence[str]


def bars(names: Sequence[str], others: int, panels: Sequence[Panel]) -> Drawn:
    """Draw a panel of bars for each step, all of one scale.

    Args:
        names: the texts of the tokens shown, likeliest first.
        others: how many tokens are not shown.
        panels: the steps, at least one.
    """
    highest = max((p for panel in panels for p in (*(panel.before or ()), *panel.after)), default=1)
    bands, top = [], 0.0
    for first in range(0, len(panels), ACROSS):
        some = panels[first : first + ACROSS]
        bands.append(_names(names, others, top))
        # A band of one or two panels keeps the width of a half: bars stay comparable by eye.
        wide = (WIDTH - NAMES) / min(ACROSS, max(2, len(panels)))
        for i, panel in enumerate(some):
            bands.append(_panel(panel, NAMES + i * wide, top, wide, highest))
        lines = max(len(panel.notes) for panel in some)
        top += HEAD + ROW * (len(names) + 1) + FOOT * (lines + 1)
    return float(WIDTH), top, "".join(bands)


def _names(names, others, top):
    lines = [
        words(
            clipped(name, int((NAMES - 8) / CELL)), NAMES - 8, _baseline(top, i),
            text_anchor="end", font_size=10, font_family=CODE, xml_space="preserve",
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    if others:
        y = _baseline(top, len(names))
        text = f"{others:,} others"
        lines.append(words(text, NAMES - 8, y, text_anchor="end", font_size=10, opacity=FAINT))
    return "".join(lines)


def _baseline(top, i):
    return top + HEAD + ROW * (i + 0.72)


def _panel(panel, left, top, wide, highest):
    def reach(p):
        return (wide - PERCENT - 8) * p / highest

    parts = [
        _line(panel.name, left, top + 12, 11.5, wide, font_weight=600),
        _line(clipped(panel.values, MOST), left, top + 26, 10.5, wide, opacity=FAINT),
    ]
    y = top + HEAD
    for i, after in enumerate(panel.after):
        before = None if panel.before is None else panel.before[i]
        drawn = []
        if before:
            drawn.append(_bar(left, y + 1, max(reach(before), 0.75), ROW - 2, opacity=GHOST))
        if after > 0:
            drawn.append(_bar(left, y + 4, max(reach(after), 0.75), ROW - 8, fill=BLUE))
        end = left + reach(max(after, before or 0)) + 4
        label = dict(font_size=9.5, style="font-variant-numeric:tabular-nums")
        if panel.dropped[i]:
            drawn.append(words("✕", end, _baseline(top, i), opacity=FAINT, **label))
        elif after > 0:
            drawn.append(words(percent(after), end, _baseline(top, i), **label))
        parts.append(element("g", *drawn))
        y += ROW
    if panel.others > 1e-6:
        text = percent(panel.others)
        parts.append(words(text, left + 4, y + 0.72 * ROW, font_size=9.5, opacity=FAINT))
    y += ROW
    parts.append(_bar(left - 0.5, top + HEAD - 1, 1, y - top - HEAD, opacity=0.35))
    for i, note in enumerate(panel.notes):
        parts.append(_line(note, left, y + FOOT * (i + 0.9), 9.5, wide, opacity=FAINT))
    return element("g", *parts)


def _bar(x, y, width, height, **attributes):
    return element("rect", x=x, y=y, width=width, height=height, **attributes)


def _line(text, x, y, size, wide, **attributes):
    """Write a line, squeezed if it would not fit into its panel."""
    room = wide - 8
    if cells(text) * size * LETTER > room:
        attributes |= dict(textLength=room, lengthAdjust="spacingAndGlyphs")
    return words(text, x, y, font_size=size, **attributes)
