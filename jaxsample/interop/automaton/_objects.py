"""The texts of objects: listed properties in their order, then others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxsample.interop.automaton._json_text import Layout
from jaxsample.interop.automaton._language import EMPTY, Graph, Node, text, then

MAX_STATES = 20_000


class Member(NamedTuple):
    """A property: the texts of its name and value, and whether every object has it."""

    text: Node
    required: bool


class _State(NamedTuple):
    """The object so far: properties decided on, and members, as far as the bounds count them."""

    index: int = 0
    members: int = 0  # up to the upper bound, or 1
    distinct: int = 0  # up to the lower bound; others may repeat a name, so one of them counts
    others: bool = False


def object_of(
    layout: Layout, members: Sequence[Member], others: Node | None, low: int, high: int | None
) -> Node:
    """Return the texts of objects of `low` to `high` members.

    Args:
        layout: the white space.
        members: the listed properties, in their order.
        others: the texts of any other member, or None.
        low, high: the bounds.

    Raises:
        ValueError: if there are more than `MAX_STATES` states.
    """
    states, edges = {_State(): 1}, []
    queue = [_State()]

    def number(state):
        if state not in states:
            queue.append(state)
            states[state] = len(queue)
        return states[state]

    for state in queue:  # the loop appends to the queue
        moves = []
        index, written, distinct, extra = state
        comma = layout.comma if written else EMPTY
        full = high is not None and written >= high
        more = min(written + 1, high or 1)
        if index < len(members):
            if not full:
                following = _State(index + 1, more, min(distinct + 1, low))
                moves.append((then(comma, members[index].text), number(following)))
            if not members[index].required:
                moves.append((EMPTY, number(state._replace(index=index + 1))))
        else:
            if others is not None and not full:
                following = _State(index, more, distinct if extra else min(distinct + 1, low), True)
                moves.append((then(comma, others), number(following)))
            if distinct >= low:
                moves.append((layout.space if written else EMPTY, 0))
        edges.append(tuple(moves))
        if len(queue) > MAX_STATES:
            raise ValueError(
                f"an object needs more than {MAX_STATES} states: it has too many properties, or "
                "'minProperties' or 'maxProperties' is too large"
            )
    # The end is 0 here, and 1 in the graph, which starts at 0.
    edges = [tuple((part, target + 1) for part, target in moves) for moves in edges]
    start = ((EMPTY, 2),)
    body = Graph((start, (), *edges), (False, True, *[False] * len(edges)))
    return then(text("{"), layout.space, body, text("}"))
