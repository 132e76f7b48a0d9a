"""A prompt with references."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """A prompt with references.

    Attributes:
        id: a name that no other item has.
        prompt: the text that the model continues.
        references: good continuations; empty if none is known.
        without: the prompt without its source, which KL-guided decoding compares with, or None.

    >>> Item("1", "Tom went", ("home.",)).references
    ('home.',)
    """

    id: str
    prompt: str
    references: tuple[str, ...] = ()
    without: str | None = None
