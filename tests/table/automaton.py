"""Automata over tokens.

Some rows of the bank keep only token 9 or 77, or only 3 and 100. The cases allow one of these,
because no law says anything about a row that a token transform empties.
"""

import numpy as np

from jaxsample import TokenAutomaton
from jaxsample.transforms.constraints._automaton import Place
from tests.oracles.automaton import token_automaton
from tests.rows import V
from tests.table.case import Case

# Class 0 moves through three states in a circle, class 1 waits, and class 2 ends.
TABLE = [[1, 0, 3], [2, 1, -1], [0, -1, -1], [-1, -1, 3]]
DISTANCE = [1, 3, 2, 0]
CLASSES = np.where(np.isin(np.arange(V), (3, 9, 77)), 0, np.arange(V) * 7 % 3)
AUTOMATON = TokenAutomaton(CLASSES, TABLE, DISTANCE)


def _place(state, left):
    return Place(np.int32(state), np.int32(left))


def _case(name, state, left):
    return Case(
        f"automaton-{name}",
        AUTOMATON,
        token_automaton(CLASSES, TABLE, DISTANCE, state, left),
        kind="token",
        neutral=TokenAutomaton.free(V),
        state=_place(state, left),
    )


CASES = [
    _case("with time", state=0, left=100),
    _case("just in time", state=1, left=3),
    _case("too late", state=1, left=1),
]
