"""The smallest deterministic automaton over characters of a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from jaxsample.interop.automaton._language import Chars, Either, Graph, Node, Ranges, Then, chars


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
        ValueError: if the compilation needs more than `max_states` states.
    """
    nfa = _Nfa(max_states)
    start = nfa.compile(tree, nfa.end)
    classes, masks = partition([edge[0] for edge in nfa.edges if edge])
    moves = [edge and (masks[edge[0]], edge[1]) for edge in nfa.edges]
    first = nfa.closure(start)
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
                targets = frozenset().union(*map(nfa.closure, entered))
                if targets not in numbers:
                    numbers[targets] = nfa.counted(len(numbers))
                    queue.append(targets)
                seen[entered] = numbers[targets]
            target = seen[entered]
            found[target] = found.get(target, 0) | mask
        edges.append(found)
        accepts.append(nfa.end in states)
    return Automaton(*_smallest(*_alive(edges, accepts)), classes)


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
        self.end = self.state()

    def state(self, edge=None, free=()):
        self.edges.append(edge)
        self.free.append(list(free))
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

    def closure(self, state):
        """Return the reading states and the end, as reached from `state` by empty moves."""
        if state not in self.closures:
            seen, open_ = {state}, [state]
            while open_:
                for following in self.free[open_.pop()]:
                    if following not in seen:
                        seen.add(following)
                        open_.append(following)
            self.closures[state] = frozenset(
                s for s in seen if self.edges[s] is not None or s == self.end
            )
        return self.closures[state]


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


def _alive(edges, accepts):
    """Remove the states, other than the start, from which no text can end."""
    before = defaultdict(list)
    for state, found in enumerate(edges):
        for target in found:
            before[target].append(state)
    alive = {state for state, accepted in enumerate(accepts) if accepted}
    open_ = list(alive)
    while open_:
        for state in before[open_.pop()]:
            if state not in alive:
                alive.add(state)
                open_.append(state)
    kept = [state for state in range(len(edges)) if state in alive or state == 0]
    new = {state: i for i, state in enumerate(kept)}
    edges = [{new[t]: mask for t, mask in edges[s].items() if t in alive} for s in kept]
    return edges, [accepts[s] for s in kept]


def _smallest(edges, accepts):
    """Merge equivalent states.

    Blocks of states are split by the targets of their edges until all states of a block agree. The
    largest part of a block keeps its number, so a state is visited again only when it was in a part
    of at most half the block, as in Hopcroft's algorithm.
    """
    before = defaultdict(list)
    for state, found in enumerate(edges):
        for target in found:
            before[target].append(state)
    block = [int(accepted) for accepted in accepts]
    members = {0: set(), 1: set()}
    for state, b in enumerate(block):
        members[b].add(state)
    changed = set(range(len(edges)))
    while changed:
        parts = defaultdict(set)
        for state in changed:
            parts[block[state], frozenset(_into(block, edges[state]).items())].add(state)
        cut = defaultdict(list)
        for (b, _), part in parts.items():
            cut[b].append(part)
        changed = set()
        for b, some in cut.items():
            some.sort(key=len)
            rest = len(members[b]) - sum(map(len, some))  # the states whose edges did not change
            if rest >= len(some[-1]):
                members[b].difference_update(*some)  # takes no longer than the parts are long
            else:
                largest = some.pop()
                some += [members[b].difference(largest, *some)] if rest else []
                members[b] = largest
            for part in some:
                number = len(members)
                members[number] = part
                for state in part:
                    block[state] = number
                    changed.update(before[state])
    order = {}
    for b in (block[0], *block):
        order.setdefault(b, len(order))
    small: list[dict] = [{} for _ in order]
    ends = [False] * len(order)
    for state, b in enumerate(block):
        if not small[order[b]]:
            small[order[b]] = {order[to]: mask for to, mask in _into(block, edges[state]).items()}
            ends[order[b]] = accepts[state]
    return small, ends


def _into(block, found):
    """Return the edges of a state with blocks in place of the next states."""
    together: dict[int, int] = {}
    for target, mask in found.items():
        b = block[target]
        together[b] = together.get(b, 0) | mask
    return together
