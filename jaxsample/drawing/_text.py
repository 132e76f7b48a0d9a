"""Text whose tokens are tinted, as HTML and as SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jaxsample.drawing._characters import cells, direction, escaped, fitting, visible
from jaxsample.drawing._picture import CODE, FAINT, WIDTH, Drawn, element, words
from jaxsample.drawing._scales import OPACITIES, TINT, Scale

CELL, LINE, SIZE = 7.0, 19.0, 11.5  # pixels of a column and of a line, and the size of the font
GAP = 10.0  # between texts
ACROSS = int(WIDTH / CELL)


class Piece(NamedTuple):
    """A token, or several that make one character.

    Attributes:
        text: what it adds.
        level: its tint, or None for none.
        told: its numbers in a few words, for the mouse.
    """

    text: str
    level: int | None
    told: str


class Passage(NamedTuple):
    """The text of one row.

    Attributes:
        label: which row it is; "" if there is only one.
        before: the text before it, without tint.
        pieces: its tokens.
        after: how it ended, if there is something to say.
    """

    label: str
    before: str
    pieces: Sequence[Piece]
    after: str


def as_html(passages: Sequence[Passage], scale: Scale | None, remark: str) -> str:
    """Write texts as HTML. They break with the page, and the mouse shows the numbers of a token."""
    parts = [_html(passage) for passage in passages]
    if scale is not None:
        keys = [
            element("span", escaped(label), style=f"{_tint(i)};padding:0 .4em;margin-right:.3em")
            for i, label in enumerate(scale.labels)
        ]
        parts.append(_small(f"{escaped(scale.title)}: {''.join(keys)}"))
    if remark:
        parts.append(_small(escaped(remark)))
    return element("div", *parts, class_="jaxsample", style="max-width:50em")


def _html(passage):
    spans = [_small(escaped(passage.label))] if passage.label else []
    inside = [element("span", _lines(passage.before), style=f"opacity:{FAINT}")]
    for piece in passage.pieces:
        style = None if piece.level is None else f"{_tint(piece.level)};border-radius:2px"
        inside.append(element("span", _lines(piece.text), title=piece.told, style=style))
    if passage.after:
        inside.append(element("span", escaped(f" {passage.after}"), style=f"opacity:{FAINT}"))
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6;margin-bottom:.5em"
    return "".join(spans) + element("div", *inside, dir="auto", style=style)


def _lines(text):
    """Escape a text and keep its line breaks; a break is marked, so that its tint is seen."""
    return "⏎\n".join(map(escaped, text.split("\n")))


def _small(inside):
    return element("div", inside, style="font-size:85%")


def _tint(level):
    red, green, blue = (int(TINT[i : i + 2], 16) for i in (1, 3, 5))
    return f"background:rgba({red},{green},{blue},{OPACITIES[level]})"


def as_svg(passages: Sequence[Passage], scale: Scale | None, remark: str) -> Drawn:
    """Draw texts in a font of one width, with line breaks at the edge.

    Tokens of a script that runs from right to left stand in that order. Letters are not joined
    across tokens.
    """
    parts, top = [], 0.0
    for passage in passages:
        if passage.label:
            parts.append(_faint(passage.label, 0.0, top + 12))
            top += LINE
        for line in _wrapped(passage):
            column = 0
            for piece in _in_order(line):
                parts.append(_placed(piece, column * CELL, top))
                column += cells(piece.text)
            top += LINE
        top += GAP
    if scale is not None:
        parts.append(_faint(scale.title, 0.0, top + 12))
        x = (cells(scale.title) + 2) * 5.5
        for level, label in enumerate(scale.labels):
            wide = (cells(label) + 1) * CELL
            parts.append(_rect(x, top, wide, level) + _faint(label, x + CELL / 2, top + 12))
            x += wide + CELL
        top += LINE
    if remark:
        parts.append(_faint(remark, 0.0, top + 12))
        top += LINE
    return float(WIDTH), top, "".join(parts)


def _placed(piece, x, top):
    if not piece.text:
        return ""
    inside = words(
        piece.text, x, top + 13, font_size=SIZE, font_family=CODE, xml_space="preserve",
        textLength=cells(piece.text) * CELL, lengthAdjust="spacingAndGlyphs",
        opacity=None if piece.told else FAINT,
    )  # fmt: skip
    if piece.level is not None:
        inside = _rect(x, top, cells(piece.text) * CELL, piece.level) + inside
    return element("g", element("title", escaped(piece.told)), inside)


def _rect(x, top, wide, level):
    return element(
        "rect", x=x, y=top, width=wide, height=LINE - 2, fill=TINT, opacity=OPACITIES[level], rx=2
    )


def _faint(text, x, y):
    return words(text, x, y, font_size=10, opacity=FAINT)


def _wrapped(passage: Passage) -> Iterator[list[Piece]]:
    """Break a passage into lines of at most `ACROSS` columns, between tokens if possible."""
    line, used = [], 0
    pieces = [Piece(passage.before, None, ""), *passage.pieces]
    pieces.append(Piece(f" {passage.after}" if passage.after else "", None, ""))
    for piece in pieces:
        for part, ends in _parts(piece.text):
            text = visible(part)
            if line and not cells(text):  # an accent belongs to the letter before it
                line[-1] = line[-1]._replace(text=line[-1].text + text)
                continue
            while text:
                if used and used + cells(text) > ACROSS:
                    yield line
                    line, used = [], 0
                fits = max(1, fitting(text, ACROSS))
                line.append(piece._replace(text=text[:fits]))
                used, text = used + cells(text[:fits]), text[fits:]
            if ends:
                yield line
                line, used = [], 0
    if line:
        yield line


def _parts(text):
    """Yield the lines of a text, each with its break, and whether it has one."""
    for part in re.findall(r"[^\n]*\n|[^\n]+", text):
        yield part, part.endswith("\n")


def _in_order(line: Sequence[Piece]) -> list[Piece]:
    """Put neighbours of a script that runs from right to left in that order."""
    placed, run, between = [], [], []
    for piece in line:
        way = direction(piece.text)
        if way == "right to left":
            run = [piece, *between[::-1], *run]
        elif way is None and run:
            between.append(piece)
            continue
        else:
            placed += [*run, *between, piece]
            run = []
        between = []
    return [*placed, *run, *between]
