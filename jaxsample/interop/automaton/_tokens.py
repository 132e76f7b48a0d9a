"""The automaton over the tokens of a vocabulary, from one over bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxsample.interop.automaton._moves import Moves, moves_of
from jaxsample.interop.automaton._utf8 import ByteAutomaton
from jaxsample.transforms.constraints._automaton import TokenAutomaton

FAR = np.iinfo(np.int32).max


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
    cells = _Cells(
        np.concatenate([moves[i].sources for i in used]),
        np.concatenate([moves[i].targets for i in used]),
        np.repeat(np.arange(len(used)), [len(moves[i].sources) for i in used]),
    )
    distance, kept = _kept(cells, done)
    if distance[0] == FAR:
        raise ValueError("no text of this language can be spelled with the vocabulary")
    if len(kept) <= done:
        new = np.full(done + 1, -1, np.int32)
        new[kept] = np.arange(len(kept))
        cells = _Cells(new[cells.sources], new[cells.targets], cells.columns)
        alive = (cells.sources >= 0) & (cells.targets >= 0)
        cells = _Cells(*(array[alive] for array in cells))
    table, again = _table(cells, len(kept), len(used))
    # The constructor checks arrays of the host only, and these are right.
    arrays = again[classes].astype(np.int32), table, distance[kept]
    return TokenAutomaton(*map(jnp.asarray, arrays))


class _Cells(NamedTuple):
    """The entries of a table that are not -1, sorted by column, `[E]` each.

    A large table has a hundred times as many entries, so it is written once, at the end.
    """

    sources: np.ndarray
    targets: np.ndarray
    columns: np.ndarray


def _kept(cells, done):
    """Return the tokens to the end from each state, and the states between start and end."""
    pairs = np.sort(cells.targets.astype(np.int64) * (done + 1) + cells.sources)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]  # many cells agree
    targets, sources = np.divmod(pairs, done + 1)
    distance = _distances(targets, sources, start=done, states=done + 1)
    alive = distance[targets] < FAR
    order = np.argsort(sources[alive], kind="stable")
    reached = _distances(sources[alive][order], targets[alive][order], start=0, states=done + 1)
    return distance, np.flatnonzero((reached < FAR) & (distance < FAR))


def _table(cells, states, columns):
    """Write the table with each different column once; also return which of them a column is."""
    numbers: dict[tuple[bytes, bytes], int] = {}
    ends = np.cumsum(np.bincount(cells.columns, minlength=columns))[:-1]
    parts = zip(np.split(cells.sources, ends), np.split(cells.targets, ends), strict=True)
    again = np.array(
        [numbers.setdefault((part[0].tobytes(), part[1].tobytes()), len(numbers)) for part in parts]
    )
    table = np.full((states, len(numbers)), -1, np.int32)
    table[cells.sources, again[cells.columns]] = cells.targets
    return table, again


def _distances(sources, targets, start, states):
    """Return the fewest edges from `start` to each state, FAR if it cannot be reached.

    The edges are sorted by source. Every edge is read once, when its source is reached, so a long
    chain takes linear time.
    """
    begins = np.searchsorted(sources, np.arange(states + 1))
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
