"""Elements of a picture, and the files that hold it.

A picture has no background and takes its ink from the page, so it can be read on light and on dark
pages. Other colours stand out on both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxsample.drawing._characters import escaped

Drawn = tuple[float, float, str]  # width, height and the elements of an SVG
WIDTH = 720  # pixels; half of it fits a column of a paper
BLUE = "#3b7dd8"
FAINT = 0.75  # the opacity of text beside the numbers
GHOST = 0.18  # and of a bar for the distribution before
LETTERS = "system-ui, 'Helvetica Neue', Arial, sans-serif"
CODE = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"

_DARK = "@media (prefers-color-scheme: dark) { svg { color: #e3e7ed } }"
_NAMES = {"class_": "class", "xml_space": "xml:space"}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body>{body}</body></html>
"""


def element(tag: str, *inside: str, **attributes: Any) -> str:
    """Write an element; `font_size=9` becomes `font-size="9"`, and None is left out."""
    words = [
        f' {_NAMES.get(name) or name.replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    ]
    return f"<{tag}{''.join(words)}>{''.join(inside)}</{tag}>"


def _value(value):
    return escaped(
        f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    )


def words(text: str, x: float, y: float, **attributes: Any) -> str:
    """Write a line of text whose baseline begins at (x, y)."""
    return element("text", escaped(text), x=x, y=y, **attributes)


class Picture:
    """A picture in a notebook and in a file; a subclass draws it and gives it a title."""

    def _title(self) -> str:
        raise NotImplementedError

    def _drawn(self) -> Drawn:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return inline(self._title(), *self._drawn())

    def svg(self) -> str:
        """Return the picture as an SVG file, black on paper and light on a dark page."""
        width, height, inside = self._drawn()
        size = dict(width=width, height=height, viewBox=f"0 0 {width:g} {height:g}")
        style = element("style", _DARK)
        title = element("title", escaped(self._title()))
        return element(
            "svg", title, style, inside, xmlns="http://www.w3.org/2000/svg", **size, role="img",
            fill="currentColor", color="#1c2128", font_family=LETTERS,
        ) + "\n"  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write the picture to a file that ends in .svg or .html.

        Raises:
            ValueError: if the file ends in something else.
            OSError: if it cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() == ".svg":
            path.write_text(self.svg(), "utf-8")
        elif path.suffix.lower() in (".html", ".htm"):
            page = _PAGE.format(title=escaped(self._title()), body=self._repr_html_())
            path.write_text(page, "utf-8")
        else:
            raise ValueError(f"a picture is saved as .svg or .html, got {str(path)!r}")


def inline(title: str, width: float, height: float, inside: str) -> str:
    """Return an SVG for the middle of a page, with the page's ink; it shrinks with the page."""
    return element(
        "svg", inside, viewBox=f"0 0 {width:g} {height:g}", width=width, height=height,
        class_="jaxsample", role="img", aria_label=title, fill="currentColor", font_family=LETTERS,
        style="max-width:100%;height:auto;display:block",
    )  # fmt: skip


def under(upper: Drawn, lower: Drawn) -> Drawn:
    """Put a picture under another one."""
    (width, height, above), (other, more, below) = upper, lower
    moved = element("g", below, transform=f"translate(0 {height:g})")
    return max(width, other), height + more, above + moved
