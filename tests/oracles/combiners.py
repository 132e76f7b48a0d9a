"""Oracles of the combiners."""

import numpy as np

from tests.oracles.common import divide, settle, single

LEAST = np.log(2.0**-149)


def logprobs(row):
    """Log-probabilities, where a dropped token counts as the least positive float32."""
    row = settle(row)
    total = np.log(np.exp(row - row.max()).sum())
    return np.where(row > -np.inf, row - row.max() - total, LEAST)


def guidance(scale):
    def oracle(c, u):
        mixed = single(scale) * (logprobs(c) - logprobs(u)) + logprobs(u)
        return np.where(settle(c) > -np.inf, mixed, -np.inf)

    return oracle


def divergence(c, u):
    """The KL divergence between the distributions of two rows in nats."""
    c, u = logprobs(c), logprobs(u)
    return max(float((np.exp(c) * (c - u)).sum()), 0.0)


def kl_temperature(temperature, sigma):
    def oracle(c, u):
        return divide(settle(c), single(temperature) * 2.0 ** (-divergence(c, u) / single(sigma)))

    return oracle


def contrast(alpha):
    def oracle(c, u):
        with np.errstate(divide="ignore"):
            plausible = logprobs(c) >= logprobs(c).max() + np.log(single(alpha))
        alive = (settle(c) > -np.inf) & plausible
        return np.where(alive, logprobs(c) - logprobs(u), -np.inf)

    return oracle
