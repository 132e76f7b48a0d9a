"""The smallest deterministic automaton of the language of another."""

from __future__ import annotations

from collections import defaultdict

Edges = list[dict[int, int]]


def alive(edges: Edges, accepts: list[bool]) -> tuple[Edges, list[bool]]:
    """Remove the states, other than the start, from which no text can end."""
    before = defaultdict(list)
    for state, found in enumerate(edges):
        for target in found:
            before[target].append(state)
    living = {state for state, accepted in enumerate(accepts) if accepted}
    open_ = list(living)
    while open_:
        for state in before[open_.pop()]:
            if state not in living:
                living.add(state)
                open_.append(state)
    kept = [state for state in range(len(edges)) if state in living or state == 0]
    new = {state: i for i, state in enumerate(kept)}
    edges = [{new[t]: mask for t, mask in edges[s].items() if t in living} for s in kept]
    return edges, [accepts[s] for s in kept]


def smallest(edges: Edges, accepts: list[bool]) -> tuple[Edges, list[bool]]:
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
