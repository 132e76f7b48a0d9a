"""The texts of arrays, by the index of the next item and what was found so far."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from jaxsample.interop.automaton._json_text import Layout
from jaxsample.interop.automaton._language import EMPTY, Graph, Node, text, then

MAX_STATES = 20_000


class Choice(NamedTuple):
    """The texts of an item, and what is known after it."""

    text: Node
    after: Hashable


def array_of(
    layout: Layout,
    choices: Callable[[int, Hashable], list[Choice]],
    ends: Callable[[int, Hashable], bool],
    start: Hashable,
    last: int,
) -> Node:
    """Return the texts of arrays.

    Args:
        layout: the white space.
        choices: returns what the item at an index may be, given what is known before it.
        ends: returns whether the array may end before an index.
        start: what is known at first.
        last: the index from which all are equal.

    Raises:
        ValueError: if there are more than `MAX_STATES` states.
    """
    states = {(0, start): 2}
    edges = [((EMPTY, 2),), ()]
    queue = [(0, start)]
    for index, knowledge in queue:  # the loop appends to the queue
        moves = []
        for choice in choices(index, knowledge):
            following = min(index + 1, max(last, 1)), choice.after
            if following not in states:
                queue.append(following)
                states[following] = len(queue) + 1
            moves.append((then(layout.comma if index else EMPTY, choice.text), states[following]))
        if ends(index, knowledge):
            moves.append((layout.space if index else EMPTY, 1))
        edges.append(tuple(moves))
        if len(queue) > MAX_STATES:
            raise ValueError(f"an array needs more than {MAX_STATES} states")
    body = Graph(tuple(edges), (False, True, *[False] * len(queue)))
    return then(text("["), layout.space, body, text("]"))
