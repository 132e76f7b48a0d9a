"""Intersection, difference and complement of the languages of trees, as trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jaxsample.interop.automaton._determinise import Automaton, bits, determinise, partition
from jaxsample.interop.automaton._language import (
    Graph,
    Node,
    Repeat,
    but,
    chars,
    one_of,
)

MAX_STATES = 50_000
ANY_CHARACTER = but(chars([]))
ANYTHING = Repeat(ANY_CHARACTER, 0, None)


def both(one: Node, two: Node) -> Node:
    """Return the texts that are in two languages.

    Raises:
        ValueError: if more than `MAX_STATES` states are needed.
    """
    return _product(machine_of(one), machine_of(two), lambda a, b: a and b)


def without(one: Node, two: Node) -> Node:
    """Return the texts of one language that are not in another; errors are those of `both`."""
    return _product(machine_of(one), _complete(machine_of(two)), lambda a, b: a and not b)


def other_than(texts: Iterable[str]) -> Node:
    """Return all texts but the given ones, by their common beginnings."""
    tries: list[dict[str, int]] = [{}, {}]  # state 0 is the start, state 1 has left all texts
    ends = set()
    for one in texts:
        state = 0
        for c in one:
            if c not in tries[state]:
                tries[state][c] = len(tries)
                tries.append({})
            state = tries[state][c]
        ends.add(state)
    edges = [
        ((but(one_of("".join(found))), 1), *((one_of(c), target) for c, target in found.items()))
        for found in tries
    ]
    return Graph(tuple(edges), tuple(state not in ends for state in range(len(tries))))


def is_empty(tree: Node) -> bool:
    """Return whether no text is in a language."""
    return not any(machine_of(tree).accepts)


def span(tree: Node) -> tuple[int, int | None]:
    """Return the lengths of the shortest and the longest text; None if they have no bound."""
    machine = machine_of(tree)
    reached, lengths, shortest = {0}, 0, None
    while reached and lengths <= len(machine.edges):  # a longer text has gone around a circle
        if shortest is None and any(machine.accepts[state] for state in reached):
            shortest = lengths
        reached = {target for state in reached for target in machine.edges[state]}
        lengths += 1
    return shortest or 0, None if reached else lengths - 1


def matches(machine: Automaton, text: str) -> bool:
    """Return whether a machine accepts a text."""
    state = 0
    for c in map(ord, text):
        found = (
            target
            for target, mask in machine.edges[state].items()
            if any(a <= c <= b for i in bits(mask) for a, b in machine.classes[i].ranges)
        )
        state = next(found, None)
        if state is None:
            return False
    return machine.accepts[state]


def machine_of(tree: Node) -> Automaton:
    """Return the smallest automaton of a language.

    Raises:
        ValueError: if more than `MAX_STATES` states are needed.
    """
    try:
        return determinise(tree, MAX_STATES)
    except ValueError:  # its advice is to raise a bound that the caller does not set here
        raise ValueError(
            f"a pattern, a format or bounds need more than {MAX_STATES} states beside other "
            "keywords; shorten them, or bounded repeats"
        ) from None


def _complete(machine):
    """Return a machine with one more state, which reads all texts that have left the others."""
    known = [pair for one in machine.classes for pair in one.ranges]
    classes = [*machine.classes, but(chars(known))]
    sink, every = len(machine.edges), (1 << len(classes)) - 1
    edges = []
    for found in machine.edges:
        rest = every ^ sum(found.values())  # the classes of two targets are disjoint
        edges.append(found | ({sink: rest} if rest else {}))
    return Automaton([*edges, {sink: every}], [*machine.accepts, False], classes)


def _product(one, two, accepts):
    classes, masks = partition([c.ranges for c in (*one.classes, *two.classes) if c.ranges])
    moves = [_over(machine, masks) for machine in (one, two)]
    numbers, edges, unions = {(0, 0): 0}, [], {}
    queue = [(0, 0)]
    for a, b in queue:  # the loop appends to the queue
        if len(queue) > MAX_STATES:
            raise ValueError(f"an intersection needs more than {MAX_STATES} states")
        found = []
        for pair, mask in _common(moves[0][a], moves[1][b]):
            if pair not in numbers:
                numbers[pair] = len(queue)
                queue.append(pair)
            if mask not in unions:
                unions[mask] = chars(x for c in bits(mask) for x in classes[c].ranges)
            found.append((unions[mask], numbers[pair]))
        edges.append(tuple(found))
    return Graph(tuple(edges), tuple(accepts(one.accepts[a], two.accepts[b]) for a, b in queue))


def _common(one, two) -> Iterator[tuple[tuple[int, int], int]]:
    for a, first in one.items():
        for b, second in two.items():
            if first & second:
                yield (a, b), first & second


def _over(machine, masks):
    """Return the edges of a machine over the classes of a partition, by their masks."""
    known: dict[int, int] = {}
    for mask in {mask for found in machine.edges for mask in found.values()}:
        ranges = [machine.classes[c].ranges for c in bits(mask)]
        known[mask] = sum(masks[one] for one in ranges if one)
    return [{t: known[mask] for t, mask in found.items() if known[mask]} for found in machine.edges]
