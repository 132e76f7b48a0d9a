"""A reader that measures how closely a text follows the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ._compiler import SPACE
from ._grammar import Grammar

TURNS = "", "tone", "child"
"""Slots whose word decides how the story continues; "" is the template or a turn of the plot."""


class Reading(NamedTuple):
    """The result of reading one text.

    Attributes:
        accepted: whether the text is a whole story.
        read: the share of its tokens before the error that ends the reading; 1 without such an
            error.
        facts: the number of facts that it repeats.
        agreeing: the number of those that agree with their first mention.
        likelihood: mean log-probability of the tokens that the grammar allows, nats per token; NaN
            if there are none.

    >>> from jaxsample_models.stories import BOS, Grammar, read
    >>> read(Grammar(), [BOS, BOS])
    Reading(accepted=False, read=0.5, facts=0, agreeing=0, likelihood=nan)
    """

    accepted: bool
    read: float
    facts: int
    agreeing: int
    likelihood: float


def read(grammar: Grammar, tokens: Sequence[int]) -> Reading:
    """Read a text of token ids that begins with `<s>`.

    A wrong word in a slot does not end the reading: the story may continue as with any other word
    there, and a fact that repeats the wrong word agrees. Two errors end the reading: a token that
    is not a word, and a wrong word in the template or at a turn of the plot.

    Raises:
        ValueError: the text does not begin with `<s>`.

    >>> grammar = Grammar()
    >>> story = grammar.sample(np.random.default_rng(0))
    >>> read(grammar, story).accepted, read(grammar, story[:5]).read
    (True, 1.0)
    """
    accepted = grammar.parse(tokens).accepted
    *_, state = grammar.walk(tokens[:1])
    facts, agreeing, position, logs = 0, 0, 1, []
    misread: dict[str, int] = {}  # the last wrong word of each slot
    for token in map(int, tokens[1:]):
        if grammar.is_end(state):
            break
        truth, kind, slot = grammar.distribution(state), grammar.kind(state), grammar.slot(state)
        settled = misread.get(slot) if kind == "fact" else None
        allowed = token in truth.tokens if settled is None else token == settled
        if not allowed and (slot in TURNS or not _is_word(grammar, token)):
            break
        if kind == "fact":
            facts, agreeing = facts + 1, agreeing + allowed
        elif slot:
            misread.pop(slot, None)
            if not allowed:
                misread[slot] = token
        stand_in = token if token in truth.tokens else truth.tokens[0]
        if allowed:
            logs.append(float(np.log(truth.probs[truth.tokens.index(stand_in)])))
        state = grammar.advance(state, stand_in)
        position += 1
    likelihood = float(np.mean(logs)) if logs else float("nan")
    return Reading(accepted, position / len(tokens), facts, agreeing, likelihood)


def _is_word(grammar: Grammar, token: int) -> bool:
    return 0 <= token < grammar.vocab_size and grammar.vocabulary[token].startswith(SPACE)
