"""Oracles of the filters in tests/table/filters.py."""

import numpy as np

from tests.oracles.common import entropy, keep, probabilities, settle, single


def _filter(mask):
    """The oracle of a filter from `mask(row, nudge)`; the maxima always stay."""

    def oracle(row, nudge=0.0):
        row = settle(row)
        return row if np.isnan(row).any() else keep(row, mask(row, nudge))

    return oracle


def _at_least(threshold):
    """Keep p >= threshold(p of the tokens above -inf, V); a nudge is relative to the threshold."""

    def mask(row, nudge):
        p = probabilities(row)
        return p >= threshold(p[row > -np.inf], len(row)) * (1 - nudge)

    return _filter(mask)


def _before(keys, terms):
    """For each token, the sum of the terms of tokens with a smaller key."""
    values, place = np.unique(keys, return_inverse=True)
    per_value = np.bincount(place, terms, len(values))
    return (np.cumsum(per_value) - per_value)[place]


def epsilon(value):
    value = single(value)
    return _at_least(lambda p, size: value)


def eta(value):
    value = single(value)

    def threshold(p, size):
        with np.errstate(divide="ignore"):
            return min(value, np.sqrt(value) * np.exp(-entropy(np.log(p))))

    return _at_least(threshold)


def top_a(a):
    a = single(a)
    return _at_least(lambda p, size: a * p.max() ** 2)


def p_less():
    return _at_least(lambda p, size: (p**2).sum())


def p_less_norm():
    return _at_least(lambda p, size: (size * (p**2).sum() - 1) / (size - 1))


def top_n_sigma(n):
    n = single(n)

    def mask(row, nudge):
        sigma = row[row > -np.inf].std()
        return (row >= row.max() - n * sigma * (1 + nudge)) | (n == np.inf)

    return _filter(mask)


def top_h(alpha):
    alpha = single(alpha)

    def mask(row, nudge):
        if alpha >= 1:
            return row > -np.inf
        logs = np.where(row > -np.inf, row - row.max(), 0.0)
        logs = logs - np.log(np.exp(logs)[row > -np.inf].sum())
        terms = np.where(row > -np.inf, -np.exp(logs) * logs, 0.0)
        upto = terms.sum() - _before(row, terms)
        return upto < (alpha + nudge) * terms.sum()

    return _filter(mask)


def typical(p):
    p = single(p)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any() or p >= 1:
            return row
        q, alive = probabilities(row), row > -np.inf
        surprise = np.log(np.exp(row[alive] - row.max()).sum()) - (row - row.max())
        far = np.abs(surprise - (entropy(row) + nudge))
        far[~alive] = np.inf
        nearer = _before(far, q)
        return np.where(alive & ((nearer < p + nudge) | (far == far.min())), row, -np.inf)

    return oracle


def tail_free(z):
    z = single(z)

    def mask(row, nudge):
        alive = np.sort(row[row > -np.inf])[::-1]
        q = np.exp(alive - alive[0])
        bends = np.abs(np.diff(q, 2))
        # A curve that is straight in float32 has no tail.
        if z >= 1 or bends.sum() <= 1e-6 * (1 + nudge) * (q[0] - q[-1]):
            return row > -np.inf
        kept = (np.cumsum(bends) <= (z + nudge) * bends.sum()).sum()
        return row >= alive[kept]

    return _filter(mask)


def xtc(threshold, acts):
    """`acts` is whether the random number of the state selects the row."""
    threshold = single(threshold)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any() or not acts:
            return row
        choices = row[(probabilities(row) >= threshold * (1 - nudge)) & (row > -np.inf)]
        least = choices.min() if len(choices) else np.inf
        return np.where(row <= least, row, -np.inf)

    return oracle
