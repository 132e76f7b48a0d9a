"""Oracles of temperatures."""

import numpy as np

from tests.oracles.common import divide, entropy, settle, single


def temperature(value):
    def oracle(row, nudge=0.0):
        row = settle(row)
        return row if np.isnan(row).any() else divide(row, single(value))

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
