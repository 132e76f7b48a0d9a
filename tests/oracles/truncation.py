"""Oracles of top-k, top-p and min-p."""

import numpy as np

from tests.oracles.common import keep, settle, single


def top_k(k):
    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        alive = np.sort(row[row > -np.inf])[::-1]
        edge = alive[min(max(k, 1), len(alive)) - 1]
        return keep(row, row >= edge - max(nudge, 0.0) * max(abs(edge), 1.0))

    return oracle


def share(fn, goal, nudge=0.0):
    """Keep a token if `fn(value - max)` of larger values sums to less than goal * total."""

    def oracle(row, nudge=nudge):
        row = settle(row)
        if np.isnan(row).any() or goal >= 1:
            return row
        alive = row > -np.inf
        with np.errstate(invalid="ignore"):
            mass = np.where(alive, fn(row - row.max()), 0.0)
        values, place = np.unique(row, return_inverse=True)
        per_value = np.bincount(place, mass, len(values))
        above = (np.cumsum(per_value[::-1])[::-1] - per_value)[place]
        return keep(row, alive & (above < (goal + nudge) * mass.sum()))

    return oracle


def top_p(p):
    return share(np.exp, single(p))


def min_p(p):
    p = single(p)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any() or p <= 0:
            return row
        return keep(row, row >= row.max() + np.log(p) - nudge)

    return oracle
