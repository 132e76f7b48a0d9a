"""Oracles of policies and soft filters."""

import math

import numpy as np

from tests.oracles.common import divide, entropy, probabilities, settle

FAR = 50.0


def features(names, row):
    """The features of a row, in the order of `names`."""
    row = settle(row)
    kept = row[row > -np.inf]
    p = np.sort(probabilities(kept))[::-1]
    below = np.maximum(kept - kept.max(), -FAR)
    alive = p[p > 0]
    scale = max(math.log(len(row)), 1.0)
    top = np.zeros(5)
    top[: min(5, len(p))] = p[:5]
    best = np.sort(kept)[::-1]
    gap = min(best[0] - best[1], 10.0) if len(best) > 1 else 10.0
    surprise = -np.log(alive)
    nucleus = 1 + int(np.sum(np.cumsum(p)[:-1] < 0.95))
    nucleus = int(np.sum(p >= p[nucleus - 1]))
    parts = {
        "entropy": [entropy(kept) / scale],
        "top": [*top, gap / 10.0],
        "collision": [np.sum(p * p)],
        "varentropy": [np.log1p(np.sum(alive * surprise**2) - np.sum(alive * surprise) ** 2)],
        "spread": [np.log1p(below.std()) / 3.0],
        "nucleus": [np.log(nucleus) / scale],
    }
    return np.concatenate([parts[name] for name in names])


def gelu(x):
    """The tanh form of gelu, the default of jax.nn.gelu."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def policy(params, names, hidden, t_min=0.1, t_max=3.0):
    """The oracle of a policy's temperature, from the weights of its network."""
    hidden = hidden.astype(np.float64)
    hidden = hidden / np.sqrt(np.mean(hidden**2) + 1e-12)

    def weights(layer):
        return {name: np.asarray(w).astype(np.float64) for name, w in layer.items()}

    def oracle(row, nudge=0.0):
        row = settle(row)
        seen = np.concatenate([features(names, row), hidden])
        for i in range(len(params["layers"])):
            layer = weights(params["layers"][str(i)])
            seen = gelu(seen @ layer["kernel"] + layer["bias"])
        u = float(np.asarray(params["bias"])[0] + seen @ weights(params["last"])["kernel"][:, 0])
        reach = math.log(t_max) if u >= 0 else -math.log(t_min)
        return divide(row, math.exp(reach * math.tanh(u / reach)))

    return oracle


def _sigmoid_ratio(at, off):
    """log(sigmoid(at) / sigmoid(off))."""
    return np.logaddexp(0, -off) - np.logaddexp(0, -at)


def soft_top_p(p, sharpness):
    def oracle(row, nudge=0.0):
        row = settle(row)
        probs = probabilities(row)
        above = np.array([probs[row > value].sum() for value in row])
        change = _sigmoid_ratio(sharpness * (p - above), sharpness * (1 - above))
        return np.where(row > -np.inf, row + change, -np.inf)

    return oracle


def soft_min_p(p, sharpness):
    def oracle(row, nudge=0.0):
        row = settle(row)
        ratio = np.exp(row - row.max())
        change = _sigmoid_ratio(sharpness * (ratio - p), sharpness * ratio)
        return np.where(row > -np.inf, row + change, -np.inf)

    return oracle


def soft_top_k(k, sharpness):
    def oracle(row, nudge=0.0):
        row = settle(row)
        rank = np.array([(row > value).sum() for value in row])
        change = -np.logaddexp(0, -sharpness * (np.log(k) - np.log(rank + 0.5)))
        return np.where(row > -np.inf, row + change, -np.inf)

    return oracle
