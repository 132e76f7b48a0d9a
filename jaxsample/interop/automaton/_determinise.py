"""The smallest deterministic automaton over characters of a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from jaxsample.interop.automaton._language import Chars, Either, Graph, Node, Ranges, Then, chars
from jaxsample.interop.automaton._smallest import alive, smallest

MAX_VISITS = 30_000_000


class Automaton(NamedTuple):
    """A deterministic automaton over characters; state 0 is the start.

    Attributes:
        edges: for each state a dict from the next states to the classes of characters that lead
            there, as an int whose bit c stands for class c.
        accepts: for each state whether the text may end there.
        classes: the characters of each class; classes are disjoint.
    """

    edges: list[dict[int, int]]
    accepts: list[bool]
    classes: list[Chars]


def determinise(tree: Node, max_states: int) -> Automaton:
    """Compile a tree to the smallest automaton that accepts its language.

    States from which no text can end are removed. If the language is empty, the start is the only
    state and has no edge.

    Raises:
        ValueError: if the compilation needs more than `max_states` states, or if its sets of states
            have more than `MAX_VISITS` members in total.
    """
    nfa = _Nfa(max_states)
    start = nfa.compile(tree, nfa.end)
    classes, masks = partition([edge[0] for edge in nfa.edges if edge])
    moves = [edge and (masks[edge[0]], edge[1]) for edge in nfa.edges]
    first = nfa.reached([start])
    numbers, edges, accepts = {first: 0}, [], []
    queue = [first]
    seen: dict[tuple, int] = {}  # numbers by the states that are entered, before empty moves
    pieces: dict[tuple, list] = {}  # by the sets of characters that the states read
    for states in queue:  # the loop appends to the queue
        reading = [moves[state] for state in states if moves[state]]
        sets = tuple([mask for mask, _ in reading])
        if sets not in pieces:
            pieces[sets] = _pieces(sets)
        found: dict[int, int] = {}
        for mask, readers in pieces[sets]:
            entered = tuple([reading[i][1] for i in readers])
            if entered not in seen:
                targets = nfa.reached(entered)
                if targets not in numbers:
                    numbers[targets] = nfa.counted(len(numbers))
                    queue.append(targets)
                seen[entered] = numbers[targets]
            target = seen[entered]
            found[target] = found.get(target, 0) | mask
        edges.append(found)
        accepts.append(nfa.end in states)
    return Automaton(*smallest(*alive(edges, accepts)), classes)


def _pieces(sets):
    """Split sets, given as bits, into disjoint ones, each with the numbers of its readers."""
    readers = defaultdict(list)
    for number, mask in enumerate(sets):
        for c in bits(mask):
            readers[c].append(number)
    pieces: dict[tuple[int, ...], int] = defaultdict(int)
    for c, numbers in readers.items():
        pieces[tuple(numbers)] |= 1 << c
    return [(mask, numbers) for numbers, mask in pieces.items()]


class _Nfa:
    """A nondeterministic automaton: a state reads one character or has only empty moves.

    It may have twice `max_states` states. They are cheap, and most of them are equal to others.
    """

    def __init__(self, max_states):
        self.max_states = max_states
        self.edges, self.free, self.known, self.closures = [], [], {}, {}
        self.reading, self.visits = set(), 0  # states that read, and the end
        self.end = self.state()
        self.reading.add(self.end)

    def state(self, edge=None, free=()):
        self.edges.append(edge)
        self.free.append(list(free))
        if edge is not None:
            self.reading.add(len(self.edges) - 1)
        return self.counted(len(self.edges) - 1, 2)

    def counted(self, number, times=1):
        if number >= times * self.max_states:
            raise ValueError(
                f"more than max_states = {self.max_states} states; raise it, or shorten bounded "
                "repeats of parts that begin alike"
            )
        return number

    def compile(self, tree, then):
        """Return the state that reads `tree` and continues at `then`; equal requests share it."""
        key = id(tree), then  # the tree outlives this object, so ids stay unique
        if key not in self.known:
            self.known[key] = self.build(tree, then)
        return self.known[key]

    def build(self, tree, then):
        if isinstance(tree, Chars):
            return self.state((tree.ranges, then))
        if isinstance(tree, Then):
            for part in reversed(tree.parts):
                then = self.compile(part, then)
            return then
        if isinstance(tree, Either):
            return self.state(free=[self.compile(part, then) for part in tree.parts])
        if isinstance(tree, Graph):
            states = [self.state(free=[then] if accepted else ()) for accepted in tree.accepts]
            for state, edges in zip(states, tree.edges, strict=True):
                self.free[state] += [self.compile(part, states[t]) for part, t in edges]
            return states[0]
        after = then
        if tree.high is None:
            then = self.state(free=[after])
            self.free[then].append(self.compile(tree.part, then))
        for _ in range(tree.low, tree.high or 0):
            then = self.state(free=[after, self.compile(tree.part, then)])
        for _ in range(tree.low):
            then = self.compile(tree.part, then)
        return then

    def reached(self, states):
        """Return the reading states and the end, as reached from `states` by empty moves."""
        found = frozenset()
        for state in sorted(states, reverse=True):  # these often reach those that were made before
            if state not in found:
                found |= self.closure(state)
        self.visit(len(states) + len(found))
        return found & self.reading

    def closure(self, state):
        """Return all states that are reached from `state` by empty moves."""
        if state not in self.closures:
            seen, open_ = {state}, [state]
            while open_:
                for following in self.free[open_.pop()]:
                    if following not in seen:
                        seen.add(following)
                        open_.append(following)
            self.visit(len(seen))
            self.closures[state] = frozenset(seen)
        return self.closures[state]

    def visit(self, count):
        self.visits += count
        if self.visits > MAX_VISITS:
            raise ValueError(
                f"the sets of states have more than {MAX_VISITS} members; shorten long "
                "sequences of optional or repeated parts that begin alike"
            )


def partition(sets: list[Ranges]) -> tuple[list[Chars], dict[Ranges, int]]:
    """Partition all characters into the fewest classes such that every set is a union of them.

    Returns:
        The classes, and for each set its classes as bits.
    """
    sets = sorted(set(sets))
    borders = sorted({x for ranges in sets for a, b in ranges for x in (a, b + 1)})
    pieces = defaultdict(list)
    inside: list[set[int]] = [set() for _ in borders]
    places = {border: i for i, border in enumerate(borders)}
    for number, ranges in enumerate(sets):
        for a, b in ranges:
            for i in range(places[a], places[b + 1]):
                inside[i].add(number)
    for i, holders in enumerate(inside):
        if holders:
            pieces[frozenset(holders)].append((borders[i], borders[i + 1] - 1))
    masks = dict.fromkeys(sets, 0)
    for c, holders in enumerate(pieces):
        for number in holders:
            masks[sets[number]] |= 1 << c
    return [chars(ranges) for ranges in pieces.values()], masks


def bits(mask: int) -> Iterator[int]:
    """Yield the classes of a set."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
