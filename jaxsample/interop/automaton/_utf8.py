"""The automaton over the bytes of UTF-8, from one over characters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxsample.interop.automaton._determinise import Automaton, bits
from jaxsample.interop.automaton._language import Chars, chars

ENDS = 0x7F, 0x7FF, 0xFFFF, 0x10FFFF  # the last character of one, two, three and four bytes


class ByteAutomaton(NamedTuple):
    """A deterministic automaton over bytes; state 0 is the start.

    Attributes:
        table: `[N, 256]` int32, the next state, or -1.
        accepts: `[N]` bool.
    """

    table: np.ndarray
    accepts: np.ndarray


def over_bytes(automaton: Automaton) -> ByteAutomaton:
    """Replace each character by its UTF-8 bytes; equal states inside characters are shared."""
    spelled = {}  # the byte sequences of classes
    numbers = {}  # states inside a character, by their continuations
    rows: list[dict] = []

    def spell(mask):
        if mask not in spelled:
            together = chars(pair for c in bits(mask) for pair in automaton.classes[c].ranges)
            spelled[mask] = sequences(together)
        return spelled[mask]

    def branch(pieces):
        """Return the edges of a state that reads one of the `(byte ranges, next state)`."""
        by_first = {}
        for (first, *rest), target in pieces:
            by_first.setdefault(first, []).append((tuple(rest), target))
        return {first: inner(tuple(sorted(some))) for first, some in by_first.items()}

    def inner(pieces):
        if not pieces[0][0]:
            return pieces[0][1]
        if pieces not in numbers:
            edges = branch(pieces)
            numbers[pieces] = len(automaton.edges) + len(rows)
            rows.append(edges)
        return numbers[pieces]

    outer = []
    for edges in automaton.edges:
        outer.append(branch([(s, target) for target, mask in edges.items() for s in spell(mask)]))
    rows = [*outer, *rows]
    table = np.full((len(rows), 256), -1, np.int32)
    for row, edges in zip(table, rows, strict=True):
        for (low, high), target in edges.items():
            row[low : high + 1] = target
    accepts = np.zeros(len(rows), bool)
    accepts[: len(outer)] = automaton.accepts
    return ByteAutomaton(table, accepts)


def sequences(given: Chars) -> list[tuple[tuple[int, int], ...]]:
    """Return sequences of byte ranges that together spell exactly the given characters.

    The first ranges of two sequences are equal or disjoint, because a first range of more than one
    byte is followed by all continuation bytes.
    """
    found = []
    for low, high in given.ranges:
        for end in ENDS:
            if low <= min(high, end):
                found.extend(_split(low, min(high, end)))
                low = end + 1
    return found


def _split(low, high):
    a, b = chr(low).encode(), chr(high).encode()
    return list(_ranges(a, b))


def _ranges(a, b):
    """Split the byte strings a..b of one length into products of byte ranges."""
    if len(a) == 1:
        yield ((a[0], b[0]),)
        return
    if a[0] == b[0]:
        for rest in _ranges(a[1:], b[1:]):
            yield ((a[0], a[0]), *rest)
        return
    least, most = b"\x80" * (len(a) - 1), b"\xbf" * (len(a) - 1)
    low, high = a[0], b[0]
    if a[1:] != least:
        for rest in _ranges(a[1:], most):
            yield ((low, low), *rest)
        low += 1
    if b[1:] != most:
        for rest in _ranges(least, b[1:]):
            yield ((high, high), *rest)
        high -= 1
    if low <= high:
        yield ((low, high), *[(0x80, 0xBF)] * len(least))
