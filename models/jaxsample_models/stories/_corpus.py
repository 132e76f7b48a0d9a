"""Stories as arrays, each token with its exact distribution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._compiler import BOS, PAD
from ._grammar import Grammar
from ._states import KINDS, State


class Stories(NamedTuple):
    """A batch of stories, padded on the right.

    Attributes:
        tokens: int32 `[N, T + 1]`, from `<s>` to `</s>`.
        rows: int32 `[N, T]`, the row of `Corpus.truth` that holds the distribution of the token
            after each position; row 0 at padding.
        kinds: int8 `[N, T]`, an index into `KINDS` for the same token; -1 at padding.

    >>> stories = Corpus(Grammar(), 127).draw(np.random.default_rng(0), 2)
    >>> stories.tokens.shape, stories.kinds.shape
    ((2, 128), (2, 127))
    """

    tokens: np.ndarray
    rows: np.ndarray
    kinds: np.ndarray


class Corpus:
    """Draw stories together with the exact distribution of each token.

    Many states have the same distribution, so a small table holds all of them.

    Attributes:
        truth: float32 `[U, V]`, the distributions. Row t < V gives token t probability 1; row 0 is
            zeros.
        entropy: float32 `[U]`, in nats.
        length: T, the largest number of tokens of a story after `<s>`.

    >>> corpus = Corpus(Grammar(), 127)
    >>> stories = corpus.draw(np.random.default_rng(0), 2)
    >>> truth = corpus.truth[stories.rows[0, 0]]  # of the token after <s>
    >>> bool(truth[stories.tokens[0, 1]] > 0)
    True
    """

    def __init__(self, grammar: Grammar, length: int):
        self.grammar = grammar
        self.length = length
        self._index: dict[int, int] = {}
        table = np.eye(grammar.vocab_size)
        table[PAD] = 0.0
        spread = self._spread(grammar.start(), {})
        self._index = {id(d): len(table) + i for i, (d, _) in enumerate(spread.values())}
        rows = [grammar.next_probs(state)[None] for _, state in spread.values()]
        entropies = [d.entropy for d, _ in spread.values()]
        self.truth = np.concatenate([table, *rows]).astype(np.float32)
        self.entropy = np.asarray([0.0] * len(table) + entropies, np.float32)

    def _spread(self, first: State, found: dict) -> dict:
        """Find all distributions over more than one token, and a state for each."""
        seen, waiting = set(), [first]
        while waiting:
            state = waiting.pop()
            if state in seen or self.grammar.is_end(state):
                continue
            seen.add(state)
            truth = self.grammar.distribution(state)
            if len(truth.tokens) > 1:
                found.setdefault(id(truth), (truth, state))
            waiting.extend(after for _, after in self.grammar.outcomes(state))
        return found

    def row(self, state: State) -> int:
        """Return the row of `truth` with the distribution of the token after `state`."""
        truth = self.grammar.distribution(state)
        return truth.tokens[0] if len(truth.tokens) == 1 else self._index[id(truth)]

    def draw(self, rng: np.random.Generator, count: int) -> Stories:
        """Draw `count` stories."""
        shape = (count, self.length)
        tokens = np.full((count, self.length + 1), PAD, np.int32)
        rows, kinds = np.zeros(shape, np.int32), np.full(shape, -1, np.int8)
        tokens[:, 0] = BOS
        for i in range(count):
            for t, (state, token) in enumerate(self.grammar.tell(rng)):
                tokens[i, t + 1] = token
                rows[i, t] = self.row(state)
                kinds[i, t] = KINDS.index(self.grammar.kind(state))
        return Stories(tokens, rows, kinds)
