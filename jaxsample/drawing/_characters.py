"""Characters that a picture can hold, their width, and numbers in few of them."""

from __future__ import annotations

import html
import math
import unicodedata

# Controls of the direction and of the layout would change the text around a token.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # parts of words and of emoji
_PICTURES = {"\n": "⏎", "\t": "⇥", "\r": "␍"}


def visible(text: str) -> str:
    """Replace what cannot be seen, or is not allowed in XML, by signs or escapes.

    Whole emoji and joined letters stay.

    >>> visible("a\\n\\x00\\u202e")
    'a⏎\\\\x00\\\\u202e'
    """
    return "".join(map(_visible, text))


def _visible(c):
    if c in _JOINERS or "\ufe00" <= c <= "\ufe0f" or "\U000e0020" <= c <= "\U000e007f":
        return c
    if unicodedata.category(c) in _UNSEEN:
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
    return sum(map(_width, text))


def _width(c):
    if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def clipped(text: str, most: int) -> str:
    """Cut a text to a number of columns; the last of them then shows the cut."""
    if cells(text) <= most:
        return text
    kept, width = "", 0
    for c in text:
        width += _width(c)
        if width > most - 1:
            break
        kept += c
    return kept + "…"


def is_right_to_left(text: str) -> bool:
    """Whether the first letter of a text is written from right to left."""
    for c in text:
        direction = unicodedata.bidirectional(c)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


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
