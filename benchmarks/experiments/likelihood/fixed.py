"""Samplers with a few settings: one temperature, EDT, and the best temperature of each text."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize

from .curves import Curves, Grid, at

Setting = dict[str, float]

BASE = 0.8  # of EDT
HOTTEST = 10.0  # `max_temperature` of EDT
LOGS = np.linspace(math.log(0.1), math.log(3.0), 121)  # of the best T: the range of a policy


def surprise_of(setting: Setting, curves: Curves, grid: Grid, vocabulary: int) -> np.ndarray:
    """Return the surprise of every token under a setting, nats `[N]`.

    Args:
        setting: `{"temperature": T}`, or `{"t0": .., "theta": ..}` of EDT.
        curves: of the tokens; the first number that a policy reads is the entropy / log V.
        grid: of the curves.
        vocabulary: V.
    """
    if "temperature" in setting:
        t0, theta = setting["temperature"], 0.0
    else:
        t0, theta = setting["t0"], setting["theta"]
    entropy = curves.seen[:, 0] * math.log(vocabulary)
    return np.asarray(_scored(grid, curves.surprise, curves.slope, entropy, t0, theta))


def best(grid_of: list[Setting], curves: Curves, grid: Grid, vocabulary: int) -> Setting:
    """Return the setting with the least mean surprise."""
    losses = [surprise_of(s, curves, grid, vocabulary).mean() for s in grid_of]
    return grid_of[int(np.argmin(losses))]


def refined(setting: Setting, curves: Curves, grid: Grid, vocabulary: int) -> Setting:
    """Return the best setting near one, by Nelder-Mead; never a worse one."""
    names = list(setting)

    def at_point(x):
        return dict(zip(names, [math.exp(x[0]), *map(float, x[1:])], strict=True))

    def loss(x):
        return float(surprise_of(at_point(x), curves, grid, vocabulary).mean(dtype=np.float64))

    start = np.array([math.log(setting[names[0]]), *(setting[name] for name in names[1:])])
    size = np.diag([0.05, 0.1])[: len(start), : len(start)]
    simplex = np.concatenate([[start], start + size])
    options: dict[str, Any] = dict(initial_simplex=simplex, xatol=1e-4, fatol=1e-8, maxfev=200)
    found = optimize.minimize(loss, start, method="Nelder-Mead", options=options)
    return at_point(found.x) if found.fun < loss(start) else setting


def best_per_unit(curves: Curves, grid: Grid) -> np.ndarray:
    """Return the surprise of every token, nats `[N]`, under the best temperature of its text."""
    each = [np.full(len(curves.unit), log_t, np.float32) for log_t in LOGS]
    tokens = [np.asarray(_at(grid, curves.surprise, curves.slope, log_t)) for log_t in each]
    units = np.stack([curves.per_unit(x) for x in tokens])
    return np.stack(tokens)[np.argmin(units, axis=0)[curves.unit], np.arange(len(curves.unit))]


def best_per_token(curves: Curves, grid: Grid) -> np.ndarray:
    """Return the least surprise of every token, nats `[N]`: a bound for all policies."""
    least = np.full(len(curves.unit), np.inf, np.float32)
    for log_t in LOGS:
        here = np.full(len(curves.unit), log_t, np.float32)
        least = np.minimum(least, _at(grid, curves.surprise, curves.slope, here))
    return least


@functools.partial(jax.jit, static_argnums=0)
def _at(grid, surprise, slope, log_t):
    return at(grid, surprise, slope, log_t)


@functools.partial(jax.jit, static_argnums=0)
def _scored(grid, surprise, slope, entropy, t0, theta):
    exponent = math.log(BASE) * theta / jnp.maximum(entropy, 1e-9)
    log_t = jnp.log(t0) + jnp.clip(exponent, -200.0, 80.0)
    limit = jnp.where(exponent > 0, jnp.minimum(log_t, math.log(HOTTEST)), log_t)
    return at(grid, surprise, slope, limit)
