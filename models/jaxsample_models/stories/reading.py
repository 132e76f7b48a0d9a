"""How far a text keeps to the grammar, read past its errors where the story goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .compiler import BOS
from .grammar import Grammar


class Reading(NamedTuple):
    """What was found in one text.

    Attributes:
        accepted: whether it is a story, from beginning to end.
        read: the share of its tokens up to where it stops being one in a way that cannot be read
            past; a wrong word in a slot can.
        facts: how many facts it repeats.
        agreeing: how many of these as they were settled before.
        likelihood: mean log-probability, nats per token, of the tokens the grammar allows.
    """

    accepted: bool
    read: float
    facts: int
    agreeing: int
    likelihood: float


def read(grammar: Grammar, tokens: Sequence[int]) -> Reading:
    """Read a text of token ids that begins with `<s>`.

    A wrong word where the grammar has a fact or an open slot is read as the word it allows there
    that is likeliest; a wrong word of the template ends the reading.

    >>> grammar = Grammar()
    >>> story = grammar.sample(np.random.default_rng(0))
    >>> read(grammar, story).accepted, read(grammar, story[:5]).read
    (True, 1.0)
    """
    accepted = grammar.parse(tokens).accepted
    state, facts, agreeing, logs = grammar.start(), 0, 0, []
    reached = first = int(list(tokens[:1]) == [BOS])
    for token in map(int, tokens[first:]):
        if grammar.is_end(state):
            break
        truth, kind = grammar.distribution(state), grammar.kind(state)
        allowed = token in truth.tokens
        if kind == "fact":
            facts, agreeing = facts + 1, agreeing + allowed
        if allowed:
            logs.append(float(np.log(truth.probs[truth.tokens.index(token)])))
        elif kind in ("fact", "open"):
            token = truth.tokens[int(truth.probs.argmax())]
        else:
            break
        state = grammar.advance(state, token)
        reached += 1
    share = reached / max(len(tokens), 1)
    return Reading(accepted, share, facts, agreeing, float(np.mean(logs)) if logs else float("nan"))
