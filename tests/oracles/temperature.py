"""Oracles of temperatures."""

import numpy as np

from tests.oracles.common import divide, entropy, settle, single


def temperature(value):
    def oracle(row, nudge=0.0):
        row = settle(row)
        return row if np.isnan(row).any() else divide(row, single(value))

    return oracle


def reshape(slopes, knots):
    slopes, lowest = list(map(single, slopes)), float(np.finfo(np.float32).min)

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        below = np.where(row > -np.inf, row - row.max(), 0.0)
        bent = np.zeros_like(row)
        for slope, upper, lower in zip(slopes, (0.0, *knots), (*knots, np.inf), strict=True):
            bent += slope * np.clip(below + upper, upper - lower, 0.0)
        return np.where(row > -np.inf, np.maximum(bent, lowest), -np.inf)

    return oracle


def entropy_temperature(t0, theta, base=0.8, max_temperature=10.0):
    t0, theta, base, high = map(single, (t0, theta, base, max_temperature))

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        h = max(entropy(row) + nudge / 20, 0.0)
        if theta == 0:
            return divide(row, t0)
        if h == 0:
            return divide(row, 0.0 if theta > 0 else high)
        with np.errstate(over="ignore"):
            t = t0 * np.exp(theta / h * np.log(base))
        return divide(row, min(t, high) if theta < 0 else t)

    return oracle
