"""Exact sums over all stories, by dynamic programs over the grammar's states."""

from __future__ import annotations

from functools import cache

from ._grammar import Grammar
from ._states import State


def expected(grammar: Grammar, measure) -> float:
    """Return the exact mean over stories of the sum of `measure(state)` along a story.

    >>> mean = expected(Grammar(), lambda state: 1.0)  # tokens of a story after <s>
    >>> fewest, most = lengths(Grammar())
    >>> fewest < mean < most
    True
    """

    @cache
    def rest(state: State) -> float:
        if grammar.is_end(state):
            return 0.0
        return measure(state) + sum(p * rest(s) for p, s in grammar.outcomes(state))

    return rest(grammar.start())


def lengths(grammar: Grammar) -> tuple[int, int]:
    """Return the smallest and the largest number of tokens of a story, with `<s>` and `</s>`.

    >>> fewest, most = lengths(Grammar())
    >>> most <= 128  # the context length of the story model
    True
    """

    @cache
    def rest(state: State, pick) -> int:
        if grammar.is_end(state):
            return 0
        return 1 + pick(rest(after, pick) for _, after in grammar.outcomes(state))

    return 1 + rest(grammar.start(), min), 1 + rest(grammar.start(), max)
