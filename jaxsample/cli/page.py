"""One growing text, on the terminal or in a file."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text


class Page:
    """Writes one text piece by piece.

    On a terminal lines break between words, so the last word is held back until it is complete. In
    a file or a pipe the text is not changed.

    Args:
        console: the terminal or file.
    """

    def __init__(self, console: Console):
        self._console = console
        self._gap = ""
        self._word: list[tuple[str, str]] = []
        self._column = 0
        self._open = False

    def add(self, sample: int, text: str, style: str = "") -> None:
        """Write a piece of text."""
        del sample
        self._open = self._open and not text or bool(text) and not text.endswith("\n")
        if not self._console.is_terminal:
            self._console.file.write(text)
            return
        for part in re.findall(r"\n|[^\S\n]+|\S+", text):
            if not part.isspace():
                self._word.append((part, style))
                continue
            self._end_word()
            if part == "\n":
                self._break()
            else:
                self._gap += part

    def refresh(self) -> None:
        """Make the text written so far visible."""
        self._console.file.flush()

    def close(self) -> None:
        """Write the last word, and end the line."""
        self._end_word()
        if self._open:
            self._console.file.write("\n")
        self._console.file.flush()

    def _end_word(self):
        if not self._word:
            return
        length = cell_len(self._gap) + sum(cell_len(part) for part, _ in self._word)
        if self._column and self._column + length > self._console.width:
            length -= cell_len(self._gap)
            self._break()
        line = Text.assemble(self._gap, *self._word)
        self._console.print(line, end="", soft_wrap=True)
        self._column = (self._column + length) % self._console.width
        self._gap, self._word = "", []

    def _break(self):
        self._console.file.write("\n")
        self._column, self._gap = 0, ""
