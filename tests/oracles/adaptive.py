"""Oracles of temperatures and filters that depend on the row or on earlier tokens."""

import numpy as np

from tests.oracles.common import divide, entropy, keep, probabilities, settle, single
from tests.oracles.truncation import share


def dynamic_temperature(low, high, exponent=1.0):
    low, high, exponent = map(single, (low, high, exponent))

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        n = np.isfinite(row).sum()
        h = max(entropy(row) + nudge / 20, 0.0) if n > 1 else 0.0
        return divide(row, low + (high - low) * (h / np.log(max(n, 2))) ** exponent)

    return oracle


def quadratic(factor, curve=1.0):
    factor, curve = single(factor), single(curve)
    k, s = (3 - curve) / 2, (curve - 1) / 2

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any() or factor == 0:
            return row
        alive = row > -np.inf
        d = np.where(alive, row, row.max()) - row.max()
        return np.where(alive, -k * factor * d**2 + s * factor * d**3 + row.max(), -np.inf)

    return oracle


def adaptive_p(target, mean=None):
    target = single(target)
    mean = max(target, 0.0) if mean is None else single(mean)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any() or target < 0:
            return row
        d = np.abs(probabilities(row) - np.clip(2 * target - mean, 0, 1)) / 0.3
        return np.where(row > -np.inf, 5 - 10 * d**2 / (1 + d), -np.inf)

    return oracle


def mirostat_2(mu):
    mu = single(mu)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        with np.errstate(divide="ignore"):
            return keep(row, (row > -np.inf) & (-np.log2(probabilities(row)) <= mu + nudge))

    return oracle


def mirostat_1(mu):
    """The threshold of the authors' code, with 100 ratios, the size of the row, and ties."""
    mu = single(mu)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        ranked = np.sort(row[row > -np.inf])[::-1]
        b = (ranked[:-1] - ranked[1:])[:100]
        i = np.arange(len(b))
        t = np.log((i + 2) / (i + 1))
        s = np.clip((b * t).sum() / max((t * t).sum(), 1e-9), 1e-6, 1e6)
        eps, size = s - 1, np.log(len(row))
        ratio = 1 / size if abs(eps) < 1e-12 else eps / -np.expm1(-eps * size)
        k = np.exp(min((mu * np.log(2) + np.log(ratio)) / s, size))
        count = round(k * (1 + nudge)) + 1
        return keep(row, row >= ranked[min(count, len(ranked)) - 1])

    return oracle


def surprise(row, token):
    """The surprise -log2 p over the whole row, as in the paper on Mirostat."""
    return float(-np.log2(probabilities(row)[token]))


def nucleus(p):
    return share(np.exp, single(p))
