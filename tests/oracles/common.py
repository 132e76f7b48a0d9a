"""Slow, obvious float64 oracles: what each transform means for one row.

Every oracle maps a row `[V]` to a row `[V]` in which dropped tokens are -inf. `nudge` moves its
edges outward (positive) or inward (negative) by about that share of the mass or of the scale; a
row whose answer changes under a small nudge is too close to an edge to judge float32 by.
"""

import numpy as np


def single(value):
    """A hyperparameter rounded to float32, as the library stores it."""
    return float(np.float32(value))


def settle(row):
    """Make invalid rows NaN; with a maximum of +inf keep only the +inf entries, at 0."""
    row = np.asarray(row).astype(np.float64)
    if np.isnan(row).any() or row.max() == -np.inf:
        return np.full_like(row, np.nan)
    if row.max() == np.inf:
        return np.where(row == np.inf, 0.0, -np.inf)
    return row


def weights(row):
    """Unnormalised probabilities with a maximum of 1."""
    return np.exp(row - row.max())


def probabilities(row):
    row = np.asarray(row).astype(np.float64)
    return weights(row) / weights(row).sum()


def entropy(row):
    p = probabilities(row)
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def identity(row, nudge=0.0):
    return np.asarray(row).astype(np.float64)


def divide(row, t):
    """The row at temperature `t`, shifted to a maximum of 0; t = 0 keeps only the maxima."""
    if t == 0:
        return np.where(row == row.max(), 0.0, -np.inf)
    with np.errstate(over="ignore"):
        return (row - row.max()) / t


def keep(row, mask):
    return np.where(mask | (row == row.max()), row, -np.inf)


def compose(*oracles):
    """The oracle of a chain, which runs from left to right."""

    def oracle(row, nudge=0.0):
        for one in oracles:
            row = one(row, nudge)
        return row

    return oracle


def draw(row, token_noise, block_noise, block):
    """The token two-level Gumbel-max picks, and by how much it won.

    `token_noise` is `[V]`, `block_noise` one number for each block of consecutive tokens.
    """
    logw = settle(row)
    logw = logw - logw.max()
    best = []
    for b, noise in enumerate(block_noise):
        mass = np.exp(logw[b * block : (b + 1) * block]).sum()
        best.append(np.log(mass) + noise if mass > 0 else -np.inf)
    b = int(np.argmax(best))
    inside = (logw + token_noise)[b * block : (b + 1) * block]

    def lead(scores):
        two = np.sort(scores)[::-1][:2]
        return two[0] - two[1] if len(two) == 2 else np.inf

    return b * block + int(np.argmax(inside)), min(lead(best), lead(inside))
