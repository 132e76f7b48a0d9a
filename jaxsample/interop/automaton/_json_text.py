"""The languages of JSON values: all texts that represent a value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jaxsample.interop.automaton._language import (
    EMPTY,
    Chars,
    Graph,
    Node,
    Repeat,
    but,
    chars,
    either,
    mapped,
    minus,
    one_of,
    text,
    then,
    within,
)
from jaxsample.interop.automaton._regex import parse

SHORT = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
NUMBERED = (*range(0x20), 0x7F)
ESCAPED = chars([(0, 0x1F), (0x7F, 0x7F), *one_of('"\\').ranges])

INTEGER = parse("-?(0|[1-9][0-9]*)")
NUMBER = then(INTEGER, parse(r"(\.[0-9]+)?([eE][+-]?[0-9]+)?"))


@lru_cache(4096)
def spelled(given: Chars) -> Node:
    r"""Return the ways to write one character of a set inside a JSON string.

    The quote, the backslash and control characters are escaped, by a letter or by \u00XX. All other
    characters are written as they are. This keeps automata small and can still write every string.
    """
    raw = minus(given, ESCAPED)
    ways: list[Node] = [raw] if raw.ranges else []
    letters = "".join(letter for c, letter in SHORT.items() if within(one_of(c), given))
    if letters:
        ways.append(then(text("\\"), one_of(letters)))
    numbered = [x for x in NUMBERED if within(one_of(chr(x)), given)]
    for high in {x // 16: None for x in numbered}:
        digits = "".join(f"{x % 16:x}{x % 16:X}" for x in numbered if x // 16 == high)
        ways.append(then(text(f"\\u00{high}"), one_of(digits)))
    return either(*ways)


CHARACTER = spelled(but(chars([])))


def string() -> Node:
    """Return all strings."""
    return quoted(Repeat(CHARACTER, 0, None))


def quoted(inside: Node) -> Node:
    """Return a language between quotes."""
    return then(text('"'), inside, text('"'))


def escaped(tree: Node) -> Node:
    """Return the language of a tree with its characters written as in a JSON string."""
    return mapped(tree, spelled)


class Layout:
    """Objects and arrays, with `space` wherever JSON allows white space inside them.

    Args:
        space: the white space.
        fractions: whether a constant like 1.0 may have a fraction; in draft 4 it is no integer.
    """

    def __init__(self, space: Node, fractions: bool):
        self.fractions = fractions
        self.comma = then(space, text(","), space)
        self.colon = then(space, text(":"), space)
        self.space = space

    def object(self, members: Sequence[tuple[str, Node, bool]]) -> Node:
        """Return the objects with these `(name, value, required)`, in this order."""
        first, later = EMPTY, self.space  # the rest of the object before and after a first member
        for name, value, required in reversed(members):
            member = then(self.value(name), self.colon, value)
            start, more = then(member, later), then(self.comma, member, later)
            if not required:
                start, more = either(start, first), either(more, later)
            first, later = start, more
        return then(text("{"), self.space, first, text("}"))

    def sequence(self, items: Sequence[Node]) -> Node:
        """Return the arrays of exactly these items."""
        parts = [part for item in items for part in (self.comma, item)][1:]
        inside = then(*parts, self.space) if parts else EMPTY
        return then(text("["), self.space, inside, text("]"))

    def value(self, value: Any) -> Node:
        """Return the ways to write one value.

        Raises:
            ValueError: if JSON cannot write it.
        """
        if isinstance(value, dict):
            return self.object([(name, self.value(v), True) for name, v in value.items()])
        if isinstance(value, list):
            return self.sequence([self.value(v) for v in value])
        try:
            if isinstance(value, str):
                value.encode()
                return quoted(escaped(text(value)))
            written = json.dumps(value, ensure_ascii=False, allow_nan=False)
            written.encode()
            if isinstance(value, float) and value.is_integer():
                plain = text(str(int(value)))
                if not self.fractions:
                    return plain
                return either(text(written), plain) if abs(value) < 2**53 else text(written)
        except (TypeError, ValueError) as error:
            raise ValueError(f"JSON cannot write {value!r}: {error}") from None
        return text(written)


def whitespace(pattern: str) -> Node:
    """Parse a regular expression of JSON's white space, or return all of it for "flexible".

    Raises:
        ValueError: if it can match another character.
    """
    if pattern == "flexible":
        return Repeat(one_of(" \t\n\r"), 0, None)
    tree = parse(pattern)
    if not _only(tree, one_of(" \t\n\r")):
        raise ValueError(f"whitespace may match spaces, tabs and line ends only, got {pattern!r}")
    return tree


def _only(tree, allowed):
    """Return whether a tree reads allowed characters only."""
    if isinstance(tree, Chars):
        return within(tree, allowed)
    if isinstance(tree, Graph):
        return all(_only(part, allowed) for edges in tree.edges for part, _ in edges)
    parts = (tree.part,) if isinstance(tree, Repeat) else tree.parts
    return all(_only(part, allowed) for part in parts)
