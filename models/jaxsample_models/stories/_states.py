"""The states, distributions and verdicts of the grammar."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

KINDS = ("template", "fact", "branch", "open")
"""The kinds of slot: a fixed word, a repeated word, a choice among few, a Zipf choice."""

UNBOUND = -1


class State(NamedTuple):
    """The state of a prefix: its place in the story, and the words that later tokens depend on.

    Prefixes with equal states have the same future, so states are keys for dynamic
    programs. `values` holds a token id, or `UNBOUND`, for each variable of the machine.

    >>> from jaxsample_models.stories import BOS, Grammar
    >>> *_, state = Grammar().walk([BOS])
    >>> state == Grammar().start()
    True
    """

    node: int
    values: tuple[int, ...]


class Distribution(NamedTuple):
    """A sparse next-token distribution; at open slots the likeliest tokens come first.

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
    """The verdict on a list of tokens: the position and the reason of the first error, if any.

    >>> from jaxsample_models.stories import BOS, Grammar
    >>> Grammar().parse([BOS])
    Parse(accepted=False, position=1, reason='the story stops before its end')
    """

    accepted: bool
    position: int
    reason: str
