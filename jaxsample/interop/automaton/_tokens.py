"""The automaton over the tokens of a vocabulary, from one over bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.interop.automaton._utf8 import ByteAutomaton
from jaxsample.transforms.constraints._automaton import TokenAutomaton

FAR = np.iinfo(np.int32).max


class Moves(NamedTuple):
    """The moves of a text: it leads from each source state to the target state, `[E]` each."""

    sources: np.ndarray
    targets: np.ndarray


def over_tokens(
    automaton: ByteAutomaton, vocabulary: Sequence[bytes | None], eos: int | Sequence[int]
) -> TokenAutomaton:
    """Return an automaton that reads whole tokens instead of bytes, and ends with an eos token.

    Tokens that lead from the same states to the same states form a class. States that cannot be
    reached, or from which no end can be reached, are removed. The end is the last state, in which
    only eos is allowed.

    Raises:
        ValueError: if there is no eos, if it lies outside the vocabulary, or if the vocabulary
            cannot spell any text that the automaton accepts.
    """
    ends = np.atleast_1d(np.asarray(eos, np.int64))
    if not ends.size or ends.min() < 0 or ends.max() >= len(vocabulary):
        raise ValueError(f"eos must be token ids in 0..{len(vocabulary) - 1}, got {eos!r}")
    done = len(automaton.table)
    moves, classes = moves_of(automaton, vocabulary)
    accepting = np.flatnonzero(automaton.accepts)
    moves.append(Moves(np.append(accepting, done), np.full(len(accepting) + 1, done)))
    classes[ends] = len(moves) - 1
    used, classes = np.unique(classes, return_inverse=True)
    table = np.full((done + 1, len(used)), -1, np.int32)
    for column, number in zip(table.T, used, strict=True):
        column[moves[number].sources] = moves[number].targets

    sources, columns = np.nonzero(table >= 0)
    pairs = np.unique(sources.astype(np.int64) * (done + 1) + table[sources, columns])
    pairs = np.stack(np.divmod(pairs, done + 1))
    distance = _distances(*pairs[::-1], start=done, states=done + 1)
    if distance[0] == FAR:
        raise ValueError("no text of this language can be spelled with the vocabulary")
    alive = pairs[:, distance[pairs[1]] < FAR]
    kept = np.flatnonzero((_distances(*alive, start=0, states=done + 1) < FAR) & (distance < FAR))
    new = np.full(done + 2, -1, np.int32)  # the last entry maps -1 to -1
    new[kept] = np.arange(len(kept))
    table = new[table[kept]]
    table, again = _columns(table)
    classes = again[classes].astype(np.int32)
    # The constructor checks arrays of the host only. Then they are copied to the device once.
    return jax.tree.map(jnp.asarray, TokenAutomaton(classes, table, distance[kept]))


def moves_of(automaton, vocabulary):
    """Return the moves of every class of tokens, and the class of each token.

    Reading another byte composes two maps of states. There are far fewer maps than texts, so
    each composition is computed once and cached.
    """
    table, letters = _columns(automaton.table)
    letters = letters.tolist()
    everywhere = np.arange(len(table), dtype=np.int32)
    moves = [Moves(everywhere[:0], everywhere[:0]), Moves(everywhere, everywhere)]
    numbers = {_key(m): i for i, m in enumerate(moves)}
    composed: dict[tuple[int, int], int] = {}

    def after(number, letter):
        sources, targets = moves[number]
        targets = table[targets, letter]
        found = Moves(sources[targets >= 0], targets[targets >= 0])
        if _key(found) not in numbers:
            numbers[_key(found)] = len(moves)
            moves.append(found)
        return numbers[_key(found)]

    classes = np.zeros(len(vocabulary), np.int64)
    for token, spelled in enumerate(vocabulary):
        number = 1 if spelled else 0
        for byte in spelled or b"":
            pair = number, letters[byte]
            if pair not in composed:
                composed[pair] = after(*pair)
            number = composed[pair]
            if not number:
                break
        classes[token] = number
    return moves, classes


def _columns(table):
    """Return the different columns of a table, and for each column which of them it is."""
    numbers: dict[bytes, int] = {}
    columns = np.ascontiguousarray(table.T)
    again = np.array([numbers.setdefault(column.tobytes(), len(numbers)) for column in columns])
    first = np.unique(again, return_index=True)[1]
    return np.ascontiguousarray(columns[first].T), again


def _key(moves):
    return moves.sources.tobytes(), moves.targets.tobytes()


def _distances(sources, targets, start, states):
    """Return the fewest edges from `start` to each state, FAR if it cannot be reached.

    Every edge is read once, when its source is reached, so a long chain takes linear time.
    """
    order = np.argsort(sources, kind="stable")
    targets = targets[order]
    begins = np.searchsorted(sources[order], np.arange(states + 1))
    found = np.full(states, FAR, np.int32)
    found[start], steps, reached = 0, 0, np.array([start])
    while reached.size:
        steps += 1
        counts = begins[reached + 1] - begins[reached]
        firsts = np.repeat(begins[reached] - np.cumsum(counts) + counts, counts)
        reached = targets[firsts + np.arange(counts.sum())]
        reached = np.unique(reached[found[reached] == FAR])
        found[reached] = steps
    return found
