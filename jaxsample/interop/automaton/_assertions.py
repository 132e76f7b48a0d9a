"""Assertions of regular expressions: anchors, word boundaries and look-around.

An assertion reads no character. A tree holds a mark in its place: a character that no text has.
Texts with a mark at a wrong point are removed from the language, and then the marks are erased.
"""

from __future__ import annotations

from jaxsample.interop.automaton._determinise import Automaton, bits
from jaxsample.interop.automaton._language import (
    EMPTY,
    LAST,
    NOTHING,
    Chars,
    Graph,
    Node,
    Repeat,
    chars,
    either,
    mapped,
    then,
)
from jaxsample.interop.automaton._machines import ANYTHING, both, machine_of, without


class Assertions:
    """The assertions of one pattern."""

    def __init__(self):
        self.forbidden: list[tuple[tuple[Node, Node], ...]] = []

    def point(self, *forbidden: tuple[Node, Node]) -> Node:
        """Return the tree of an assertion.

        Args:
            forbidden: pairs of languages. The assertion does not hold between a text of the first
                and one of the second.
        """
        self.forbidden.append(forbidden)
        mark = LAST + len(self.forbidden)
        return Chars(((mark, mark),))

    def kept(self, tree: Node) -> Node:
        """Return the texts of a tree whose assertions hold, without marks.

        Raises:
            ValueError: if too many states are needed.
        """
        if not self.forbidden:
            return tree
        never = then(self._any_mark(), NOTHING)  # without it a complement would not know all marks
        for i, forbidden in enumerate(self.forbidden):
            wrong = self._wrong(machine_of(tree), LAST + 1 + i, forbidden)
            tree = without(tree, either(never, *wrong))
        return mapped(tree, _erased)

    def _wrong(self, machine, mark, forbidden):
        """Return the languages of the texts in which a mark lies at a wrong point.

        They are made from the paths through the mark, and so have only texts of the machine.
        """
        marked = {c for c, one in enumerate(machine.classes) if _has(one, mark)}
        ends = {state for state, accepted in enumerate(machine.accepts) if accepted}
        return [
            then(
                self._meet(_between(machine, 0, {state}), before),
                Chars(((mark, mark),)),
                self._meet(_between(machine, target, ends), after),
            )
            for state, found in enumerate(machine.edges)
            for target, mask in found.items()
            if not marked.isdisjoint(bits(mask))
            for before, after in forbidden
        ]

    def _meet(self, tree, language):
        if language is ANYTHING:
            return tree
        marks = Repeat(self._any_mark(), 0, None)
        return both(tree, then(mapped(language, lambda one: then(marks, one)), marks))

    def _any_mark(self):
        return Chars(((LAST + 1, LAST + len(self.forbidden)),))


def _has(one, mark):
    return any(a <= mark <= b for a, b in one.ranges)


def _between(machine: Automaton, start: int, ends: set[int]) -> Node:
    """Return the texts that lead from one state to others."""
    edges = [
        tuple(
            (machine.classes[c], target + 1) for target, mask in found.items() for c in bits(mask)
        )
        for found in machine.edges
    ]
    accepts = (state in ends for state in range(len(edges)))
    return Graph((((EMPTY, start + 1),), *edges), (False, *accepts))


def _erased(given):
    if not given.ranges or given.ranges[-1][1] <= LAST:
        return given
    read = chars((a, min(b, LAST)) for a, b in given.ranges if a <= LAST)
    return either(read, EMPTY) if read.ranges else EMPTY
