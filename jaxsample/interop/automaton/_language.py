"""Regular languages over characters as trees, the output of the two parsers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)


class Chars(NamedTuple):
    """One character from sorted, disjoint, inclusive ranges of code points."""

    ranges: Ranges


class Then(NamedTuple):
    """The parts one after another; without parts, the empty text."""

    parts: tuple


class Either(NamedTuple):
    """Any one of the parts; without parts, no text at all."""

    parts: tuple


class Repeat(NamedTuple):
    """A part, repeated `low` to `high` times; without bound if `high` is None."""

    part: Node
    low: int
    high: int | None


class Graph(NamedTuple):
    """States whose edges read a part; a text leads from state 0 to a state that accepts.

    Attributes:
        edges: for each state the `(part, next state)`.
        accepts: for each state whether the text may end there.
    """

    edges: tuple[tuple[tuple[Node, int], ...], ...]
    accepts: tuple[bool, ...]


Node = Chars | Then | Either | Repeat | Graph

EMPTY = Then(())
NOTHING = Either(())


def chars(ranges: Iterable[tuple[int, int]]) -> Chars:
    """Return the characters of any ranges, without surrogates, which UTF-8 cannot write."""
    low, high = SURROGATES
    merged: list[tuple[int, int]] = []
    for a, b in sorted(ranges):
        for start, end in ((a, min(b, low - 1)), (max(a, high + 1), b)):
            if start > end:
                continue
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
    return Chars(tuple(merged))


def one_of(letters: str) -> Chars:
    """Return the characters of a string."""
    return chars((ord(c), ord(c)) for c in letters)


def but(given: Chars) -> Chars:
    """Return all characters except the given ones."""
    ends = [-1, *(x for pair in given.ranges for x in (pair[0], pair[1])), LAST + 1]
    gaps = zip(ends[::2], ends[1::2], strict=True)
    return chars((a + 1, b - 1) for a, b in gaps if a + 1 < b)


def minus(given: Chars, others: Chars) -> Chars:
    """Return the characters of one set that are not in another."""
    return but(chars([*but(given).ranges, *others.ranges]))


def within(given: Chars, others: Chars) -> bool:
    """Return whether all characters of one set are in another."""
    return not minus(given, others).ranges


def text(letters: str) -> Node:
    """Return the language of one text."""
    return Then(tuple(one_of(c) for c in letters))


def then(*parts: Node) -> Node:
    """Return the parts one after another."""
    return parts[0] if len(parts) == 1 else Then(parts)


def either(*parts: Node) -> Node:
    """Return any one of the parts."""
    return parts[0] if len(parts) == 1 else Either(parts)


def mapped(tree: Node, each: Callable[[Chars], Node]) -> Node:
    """Return a tree with every set of characters replaced."""
    if isinstance(tree, Chars):
        return each(tree)
    if isinstance(tree, Repeat):
        return tree._replace(part=mapped(tree.part, each))
    if isinstance(tree, Graph):
        edges = tuple(tuple((mapped(part, each), t) for part, t in some) for some in tree.edges)
        return tree._replace(edges=edges)
    return type(tree)(tuple(mapped(part, each) for part in tree.parts))
