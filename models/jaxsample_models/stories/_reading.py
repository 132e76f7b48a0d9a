"""How far a text keeps to the grammar, read past its errors where the story goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ._compiler import SPACE
from ._grammar import Grammar

TURNS = "", "tone", "child"
"""Slots whose word decides how the story goes on: "" is a turn of the plot, or the template."""


class Reading(NamedTuple):
    """What was found in one text.

    Attributes:
        accepted: whether it is a story, from beginning to end.
        read: the share of its tokens that could be read, up to where it stops being a story in a
            way that cannot be read past; 1 for the beginning of a story.
        facts: how many facts it repeats.
        agreeing: how many of these as they were settled before.
        likelihood: mean log-probability, nats per token, of the tokens the grammar allows; NaN
            where there are none.
    """

    accepted: bool
    read: float
    facts: int
    agreeing: int
    likelihood: float


def read(grammar: Grammar, tokens: Sequence[int]) -> Reading:
    """Read a text of token ids that begins with `<s>`.

    A wrong word in a slot is read past: the story may go on as with any other word there, and a
    fact that repeats the wrong word agrees. What is not a word, or stands where the template or a
    turn of the plot is told by its word, ends the reading.

    Raises:
        ValueError: if the text does not begin with `<s>`.

    >>> grammar = Grammar()
    >>> story = grammar.sample(np.random.default_rng(0))
    >>> read(grammar, story).accepted, read(grammar, story[:5]).read
    (True, 1.0)
    """
    accepted = grammar.parse(tokens).accepted
    *_, state = grammar.walk(tokens[:1])
    facts, agreeing, position, logs = 0, 0, 1, []
    misread: dict[str, int] = {}  # the wrong word each slot was last filled with
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
