"""Worked sums as arrays, each token with its exact distribution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._slips import kinds_of, solution_rows, truth_table
from ._sums import FIRST_PLAN, ZERO, draw_sums, prompts, solutions


class Worked(NamedTuple):
    """A batch of worked sums.

    Attributes:
        sums: int `[N, 3]`, the terms.
        prompts: int32 `[N, 10]`, from `<s>` to `=`.
        tokens: int32 `[N, 7]`, from the plan to `</s>`.
        rows: int32 `[N, 7]`, the row of `Corpus.truth` with the distribution of each token.
        kinds: int8 `[N, 7]`, an index into `KINDS` for each token.

    >>> worked = Corpus().draw(np.random.default_rng(0), 2)
    >>> worked.prompts.shape, worked.tokens.shape
    ((2, 10), (2, 7))
    """

    sums: np.ndarray
    prompts: np.ndarray
    tokens: np.ndarray
    rows: np.ndarray
    kinds: np.ndarray


class Corpus:
    """Draw worked sums together with the exact distribution of each token.

    Attributes:
        truth: float32 `[U, V]`, the distributions. Row t < V gives token t probability 1.
        entropy: float32 `[U]`, in nats.

    >>> corpus = Corpus()
    >>> worked = corpus.draw(np.random.default_rng(0), 1)
    >>> truth = corpus.truth[worked.rows[0, 0]]  # of the plan
    >>> bool(truth[worked.tokens[0, 0]] > 0)
    True
    """

    def __init__(self):
        truth = truth_table()
        logs = np.log(np.where(truth > 0, truth, 1.0))
        self.truth = truth.astype(np.float32)
        self.entropy = -np.sum(truth * logs, axis=-1).astype(np.float32)
        self._sums = np.cumsum(truth, axis=-1)

    def draw(self, rng: np.random.Generator, count: int, held_out: bool = False) -> Worked:
        """Draw `count` worked sums, from those that are held out or from the others."""
        sums = draw_sums(rng, count, held_out)
        nothing = np.zeros(count, int)
        # The plan determines the first step, and the result of that step determines the second.
        plan = self._pick(rng, solution_rows(sums, nothing, nothing)[:, 0]) - FIRST_PLAN
        first = solution_rows(sums, plan, nothing)
        middle = self._number(rng, first[:, 1], first[:, 2])
        rows = solution_rows(sums, plan, middle)
        last = self._number(rng, rows[:, 4], rows[:, 5])
        tokens = solutions(plan, middle, last)
        return Worked(sums, prompts(sums), tokens, rows.astype(np.int32), kinds_of(rows))

    def _number(self, rng, tens, units):
        return 10 * (self._pick(rng, tens) - ZERO) + self._pick(rng, units) - ZERO

    def _pick(self, rng, rows):
        """Draw a token from each row."""
        return np.sum(rng.random((len(rows), 1)) >= self._sums[rows][:, :-1], axis=-1)
