"""Exact sums over all stories, for samplers that depend on the state of the grammar alone.

The probability of a story is a product along its states, so sums over stories are dynamic programs
over states. A sampler may leave the grammar. Its text then ends with the first token that no story
has there, and counts as ungrammatical.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import rel_entr

from jaxsample_models.stories import Grammar, State, expected

from .laws import Law


class Totals(NamedTuple):
    """A sampler Q of stories against the truth P, all exact.

    Attributes:
        divergence: KL(P || Q), nats per story; inf where Q rules out a story.
        grammatical: the probability that a text of Q is a story.
        facts: the share of right ones among the facts that Q tells.
        entropy: of Q's sequences, nats.
        collision: the probability that two stories of Q are equal, sum of Q(x)^2.
        match: the probability that a story of Q and one of P are equal, sum of P(x) Q(x).
        truth: the probability that two stories of P are equal.
    """

    divergence: float
    grammatical: float
    facts: float
    entropy: float
    collision: float
    match: float
    truth: float

    @property
    def kernel(self) -> float:
        """The kernel score of exact match, 2 match - collision, divided by that of the truth.

        It is a proper score: at most 1, and 1 only where Q equals P on every story.
        """
        return (2 * self.match - self.collision) / self.truth


def totals(grammar: Grammar, law: Law) -> Totals:
    """Return the totals of a law, by dynamic programs over the states of the grammar."""

    def on(state: State) -> tuple[np.ndarray, np.ndarray]:
        truth = grammar.distribution(state)
        return truth.probs, law(state)[list(truth.tokens)]

    def fact(state: State) -> float:
        return float(grammar.kind(state) == "fact")

    told = lambda state: on(state)[1]  # noqa: E731
    facts = along(grammar, told, fact)
    return Totals(
        divergence=expected(grammar, lambda state: float(np.sum(rel_entr(*on(state))))),
        grammatical=along(grammar, told, end=1.0),
        facts=along(grammar, told, lambda s: fact(s) * float(told(s).sum())) / facts,
        entropy=along(grammar, told, lambda state: entropy(law(state))),
        collision=along(grammar, lambda state: told(state) ** 2, end=1.0),
        match=along(grammar, lambda state: np.multiply(*on(state)), end=1.0),
        truth=along(grammar, lambda state: on(state)[0] ** 2, end=1.0),
    )


def along(grammar: Grammar, weights, measure=lambda state: 0.0, end: float = 0.0) -> float:
    """Sum over stories the product of weights along each, times the measures of its states.

    Args:
        weights: `state -> [n]`, one for each token of `grammar.distribution(state)`.
        measure: `state -> float`, added wherever a state is reached.
        end: added where a story ends.
    """

    @cache
    def rest(state: State) -> float:
        if grammar.is_end(state):
            return end
        weight, after = weights(state), grammar.outcomes(state)
        # `outcomes` lists one state for each token, or a single one where all tokens are alike.
        grouped = weight if len(after) == len(weight) else [weight.sum()]
        found = sum(w * rest(s) for w, (_, s) in zip(grouped, after, strict=True))
        return measure(state) + float(found)

    return rest(grammar.start())


def entropy(probs: np.ndarray) -> float:
    """Return the entropy of a distribution `[V]` in nats."""
    some = probs[probs > 0]
    return float(-np.sum(some * np.log(some)))
