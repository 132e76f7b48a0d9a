"""A chain as cards, in the order in which its members run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxsample.drawing._characters import cells, clipped, visible
from jaxsample.drawing._picture import BLUE, CODE, FAINT, GHOST, WIDTH, Drawn, element, words

SIZE, SMALL = 11.5, 10.5  # of the fonts of a name and of a value
LETTER = 0.62  # of the size of a font: the width of a letter
PAD, ARROW, LINE, HEAD = 10, 26, 17, 26
LONGEST = 28  # characters of a value
GAUGE = 40


class Value(NamedTuple):
    """A hyperparameter.

    Attributes:
        name: its field.
        text: its value.
        share: where it lies in its range, 0 to 1, if it is one number in a range with two ends.
    """

    name: str
    text: str
    share: float | None


class Card(NamedTuple):
    """A member of a chain."""

    name: str
    values: Sequence[Value]


def cards(members: Sequence[Card]) -> Drawn:
    """Draw a card for each member, with arrows between them."""
    placed, x, y, tallest, right = [], 0.0, 0.0, 0.0, 0.0
    for i, card in enumerate(members):
        wide, high = _size(card)
        if i and x + ARROW + wide > WIDTH:
            x, y, tallest = 0.0, y + tallest + 14, 0.0
        if i:
            placed.append(_arrow(x, y + HEAD / 2))
            x += ARROW
        placed.append(_card(card, x, y, wide, high))
        x, tallest = x + wide, max(tallest, high)
        right = max(right, x)
    if not members:
        placed.append(words("the model as it is", PAD, 18, font_size=SMALL, opacity=FAINT))
        right, tallest = 130.0, float(HEAD)
    return right + 1, y + tallest + 1, "".join(placed)


def _columns(card):
    """Return the widths of the names, with the gap behind them, and of the values."""
    names = max((cells(value.name) for value in card.values), default=0)
    texts = max((min(LONGEST, cells(visible(value.text))) for value in card.values), default=0)
    return names * SMALL * LETTER + (8 if names else 0), texts * SMALL * LETTER


def _size(card):
    names, texts = _columns(card)
    gauge = GAUGE + 8 if any(value.share is not None for value in card.values) else 0
    wide = max(cells(card.name) * SIZE * LETTER, names + texts + gauge) + 2 * PAD
    return float(wide), float(HEAD + LINE * len(card.values) + (4 if card.values else 0))


def _card(card, x, y, wide, high):
    names, texts = _columns(card)
    parts = [
        element(
            "rect", x=x + 0.5, y=y + 0.5, width=wide, height=high, rx=5, fill="currentColor",
            fill_opacity=0.04, stroke="currentColor", stroke_opacity=0.3,
        ),
        words(card.name, x + PAD, y + 17, font_size=SIZE, font_weight=600),
    ]  # fmt: skip
    for i, value in enumerate(card.values):
        base = y + HEAD + LINE * i + 12
        text = clipped(visible(value.text), LONGEST)
        if value.name:
            parts.append(words(value.name, x + PAD, base, font_size=SMALL, opacity=FAINT))
        place = x + PAD + names
        parts.append(words(text, place, base, font_size=SMALL, font_family=CODE))
        if value.share is not None:
            left, share = x + wide - PAD - GAUGE, min(1.0, max(0.0, value.share))
            bar = dict(x=left, y=base - 6.0, height=4, rx=2)
            parts.append(element("rect", **bar, width=GAUGE, opacity=GHOST))
            parts.append(element("rect", **bar, width=GAUGE * share, fill=BLUE))
    return element("g", *parts)


def _arrow(x, y):
    path = f"M{x + 6:g} {y:g}h{ARROW - 12}m-4 -3.5l4 3.5l-4 3.5"
    return element("path", d=path, fill="none", stroke="currentColor", opacity=0.5)
