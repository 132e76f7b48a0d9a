"""Families of samplers with a few settings, all of which are tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize

from jaxsample import (
    DynamicTemperature,
    EntropyTemperature,
    MinP,
    PLess,
    Temperature,
    TopNSigma,
    TopP,
    Transform,
    chain,
)

from .contexts import divergence
from .positions import Positions, some

FEW = 128
"""Positions on which a setting is tried first."""

Setting = dict[str, float]

FAMILIES: dict[str, Callable[..., Transform]] = {
    "fixed": lambda temperature, p: chain(Temperature(temperature), TopP(p)),
    "edt": lambda t0, theta, p, cap=10.0: chain(
        EntropyTemperature(t0, theta, max_temperature=cap), TopP(p)
    ),
    "dynamic": DynamicTemperature,
    "min_p": lambda temperature, p: chain(Temperature(temperature), MinP(p)),
    "top_n_sigma": lambda temperature, n: chain(TopNSigma(n), Temperature(temperature)),
    "p_less": lambda temperature: chain(Temperature(temperature), PLess()),
}


class Scores(NamedTuple):
    """The mean KL of each of M settings in nats per token, inf where support is lost."""

    settings: Sequence[Setting]
    tuning: np.ndarray
    test: np.ndarray


def scores(family: str, settings: Sequence[Setting], tuning: Positions, test: Positions) -> Scores:
    """Score every setting on the positions it is tuned on, and on the test set."""

    def scored(part):
        few = some(part, FEW)
        return np.array([_score(FAMILIES[family](**s), part, few) for s in settings])

    return Scores(settings, scored(tuning), scored(test))


def refined(family: str, setting: Setting, part: Positions) -> Setting:
    """Return the best setting near one of "fixed" or "edt" on a part, by Nelder-Mead.

    A setting with p < 1 is returned unchanged.
    """
    if setting["p"] < 1.0:
        return setting
    names = [name for name in setting if name != "p"]

    def at(x):
        return setting | dict(zip(names, [math.exp(x[0]), *map(float, x[1:])], strict=True))

    def loss(x):
        return float(_mean(FAMILIES[family](**at(x)), part.contexts))

    start = [math.log(setting[names[0]]), *(setting[name] for name in names[1:])]
    size = np.diag([0.05, 0.3])[: len(start), : len(start)]
    simplex = np.concatenate([[start], start + size])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-7, "maxfev": 120}
    return at(optimize.minimize(loss, start, method="Nelder-Mead", options=options).x)


def best_of(found: Scores) -> dict[str, list[float]]:
    """Return the test score of the best of n settings that are chosen at random among all.

    The best is the one with the least score in tuning. The mean over all choices of n is inf while
    some choice holds only settings that lose support, so the median is returned too.

    Returns:
        n, mean and median, for n = 1, 2, .. and all.
    """
    order = np.argsort(found.tuning, kind="stable")
    test, count = found.test[order], len(order)
    by_test = np.argsort(test, kind="stable")
    curve = {"n": [], "mean": [], "median": []}
    for n in range(1, count + 1):
        # The i-th best of all is the best of n if the other n - 1 are among those behind it.
        chance = [math.comb(count - 1 - i, n - 1) / math.comb(count, n) for i in range(count)]
        possible = np.asarray(chance) > 0
        curve["n"].append(n)
        curve["mean"].append(float(np.asarray(chance)[possible] @ test[possible]))
        reached = np.searchsorted(np.cumsum(np.asarray(chance)[by_test]), 0.5 - 1e-12)
        curve["median"].append(float(test[by_test[reached]]))
    return curve


def _score(sampler, part, few):
    # A filter that removes a token of the truth is infinitely far, however good it is elsewhere.
    found = float(_mean(sampler, few))
    return float(_mean(sampler, part.contexts)) if np.isfinite(found) else found


@jax.jit
def _mean(sampler, contexts):
    return jnp.mean(divergence(sampler, contexts))
