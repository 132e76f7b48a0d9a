"""The oracle of an automaton over tokens."""

import numpy as np

from tests.oracles.common import settle


def token_automaton(classes, table, distance, state=0, left=np.inf):
    """Allow the tokens that leave enough budget to finish; all accepted tokens if none does."""

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        following = [table[state][c] for c in classes]
        possible = {token for token, s in enumerate(following) if s >= 0}
        in_time = {token for token in possible if 1 + distance[following[token]] <= left}
        allowed = in_time or possible
        return settle([x if token in allowed else -np.inf for token, x in enumerate(row)])

    return oracle
