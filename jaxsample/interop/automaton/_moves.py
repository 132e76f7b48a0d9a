"""The moves of all tokens of a vocabulary over the states of an automaton."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxsample.interop.automaton._utf8 import ByteAutomaton


class Moves(NamedTuple):
    """The moves of a text: it leads from each source state to the target state, `[E]` each."""

    sources: np.ndarray
    targets: np.ndarray


def moves_of(
    automaton: ByteAutomaton, vocabulary: Sequence[bytes | None]
) -> tuple[list[Moves], np.ndarray]:
    """Return the moves of every class of tokens, and the class of each token `[V]`.

    Reading another byte composes two maps of states. There are far fewer maps than texts, so
    each composition is computed once. All tokens are read together, a byte at a time.
    """
    columns, letters = _columns(automaton.table)
    composed = _Composed(columns)
    lengths = np.array([len(spelled or b"") for spelled in vocabulary])
    classes = np.minimum(lengths, 1).astype(np.int64)
    text = letters[np.frombuffer(b"".join(filter(None, vocabulary)), np.uint8)]
    at = np.cumsum(lengths) - lengths
    tokens, depth = np.flatnonzero(lengths), 0
    while tokens.size:
        pairs = classes[tokens] * len(columns) + text[at[tokens] + depth]
        different, which = np.unique(pairs, return_inverse=True)
        found = [composed.after(*divmod(pair, len(columns))) for pair in different.tolist()]
        classes[tokens] = np.array(found)[which]
        depth += 1
        tokens = tokens[(classes[tokens] > 0) & (lengths[tokens] > depth)]
    return composed.moves, classes


class _Composed:
    """The maps that were met; the first leads nowhere, and the second is the identity."""

    def __init__(self, columns):
        everywhere = np.arange(columns.shape[1], dtype=np.int32)
        self.columns, self.known = columns, {}
        self.moves: list[Moves] = []
        self.numbers: dict[tuple[bytes, bytes], int] = {}
        self.number(Moves(everywhere[:0], everywhere[:0]))
        self.number(Moves(everywhere, everywhere))

    def after(self, number, letter):
        """Return the number of a map that is followed by a letter."""
        if (number, letter) not in self.known:
            sources, targets = self.moves[number]
            targets = self.columns[letter][targets]
            alive = targets >= 0
            self.known[number, letter] = self.number(Moves(sources[alive], targets[alive]))
        return self.known[number, letter]

    def number(self, moves):
        key = moves.sources.tobytes(), moves.targets.tobytes()
        if key not in self.numbers:
            self.numbers[key] = len(self.moves)
            self.moves.append(moves)
        return self.numbers[key]


def _columns(table):
    """Return the different columns of a table as rows, and for each column which of them it is."""
    numbers: dict[bytes, int] = {}
    columns = np.ascontiguousarray(table.T)
    again = np.array([numbers.setdefault(column.tobytes(), len(numbers)) for column in columns])
    return columns[np.unique(again, return_index=True)[1]], again
