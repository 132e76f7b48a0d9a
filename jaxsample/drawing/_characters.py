"""Characters that a picture can hold, their width, and numbers in few of them."""

from __future__ import annotations

import html
import math
import re
import unicodedata

# Controls of the direction and of the layout would change the text around a token.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINER = "\u200d"  # of emoji
_PARTS = re.compile("[\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_PICTURES = {"\n": "⏎", "\t": "⇥", "\r": "␍"}


def visible(text: str) -> str:
    """Replace what cannot be seen, or is not allowed in XML, by signs or escapes.

    Whole emoji and joined letters stay.

    >>> visible("a\\n\\x00\\u202e")
    'a⏎\\\\x00\\\\u202e'
    """
    return "".join(map(_visible, text))


def _visible(c):
    if _PARTS.match(c):
        return c
    if unicodedata.category(c) in _UNSEEN or ord(c) & 0xFFFE == 0xFFFE:
        return _PICTURES.get(c) or c.encode("unicode_escape").decode()
    return c


def escaped(text: str) -> str:
    """Return a text for XML or HTML, in an element or in quotes, each character visible."""
    return html.escape(visible(text))


def cells(text: str) -> int:
    """Return how many columns a text takes in a font of one width.

    >>> cells("ab"), cells("日本"), cells("e\\u0301")
    (2, 4, 1)
    """
    return sum(map(_width, text, f" {text}"))


def _width(c, last=""):
    """Return the columns of a character after another one."""
    if _PARTS.match(c) or last == _JOINER or unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def clipped(text: str, most: int) -> str:
    """Cut a text to a number of columns; the last of them then shows the cut."""
    if cells(text) <= most:
        return text
    return text[: fitting(text, most - 1)] + "…"


def fitting(text: str, most: int) -> int:
    """Return how many characters of a text fit into a number of columns."""
    width = 0
    for count, (c, last) in enumerate(zip(text, f" {text}", strict=False)):
        width += _width(c, last)
        if width > most:
            return count
    return len(text)


def direction(text: str) -> str | None:
    """Return "left to right" or "right to left", the way of the first letter; None without one."""
    for c in text:
        way = unicodedata.bidirectional(c)
        if way in ("L", "R", "AL"):
            return "left to right" if way == "L" else "right to left"
    return None


def percent(p: float) -> str:
    """Write a probability in at most six characters.

    >>> [percent(p) for p in (1.0, 0.123, 1e-5, 0.0)]
    ['100%', '12.3%', '<0.1%', '0.0%']
    """
    return "<0.1%" if 0 < p < 0.0005 else f"{p:.1%}" if p < 0.9995 else "100%"


def number(x: float) -> str:
    """Write a number in few digits.

    >>> [number(x) for x in (3.0, 0.12345, 1e-9, float("nan"))]
    ['3', '0.123', '1e-09', 'NaN']
    """
    return "NaN" if math.isnan(x) else f"{x:.3g}"
