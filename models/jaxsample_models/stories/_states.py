"""What the grammar answers with: states, distributions and verdicts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

KINDS = ("template", "fact", "branch", "open")
"""The kinds of slot: one sure token, a token bound earlier, a pick, a pick with a Zipf tail."""

UNBOUND = -1


class State(NamedTuple):
    """What a prefix has settled: the place in the story and the words that still matter there.

    Two prefixes with equal states have the same future, so that states are keys for dynamic
    programs. `values` holds a token id, or `UNBOUND`, for each variable of the machine.

    >>> from jaxsample_models.stories import BOS, Grammar
    >>> *_, state = Grammar().walk([BOS])
    >>> state == Grammar().start()
    True
    """

    node: int
    values: tuple[int, ...]


class Distribution(NamedTuple):
    """A sparse next-token distribution: the likeliest tokens first at open slots.

    Attributes:
        tokens: ids with positive probability, `[n]`.
        probs: float64, `[n]`, summing to 1.
        cumulative: running sums of `probs`, the last exactly 1.
        entropy: in nats.

    >>> from jaxsample_models.stories import Grammar
    >>> grammar = Grammar()
    >>> truth = grammar.distribution(grammar.start())
    >>> round(float(sum(truth.probs)), 6), len(truth.tokens) == len(truth.probs)
    (1.0, True)
    """

    tokens: tuple[int, ...]
    probs: np.ndarray
    cumulative: list[float]
    entropy: float


class Parse(NamedTuple):
    """The verdict on a list of tokens: where and why it left the grammar, if it did.

    >>> from jaxsample_models.stories import BOS, Grammar
    >>> Grammar().parse([BOS])
    Parse(accepted=False, position=1, reason='the story stops before its end')
    """

    accepted: bool
    position: int
    reason: str
