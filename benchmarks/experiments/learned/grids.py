"""Samplers with a few settings, all of which are tried, and how good the best of them is.

A family is a function from a setting to a sampler. Where a setting changes nothing but the
temperature, the divergence needs only a few numbers of each position beside one pass over its
logits; other settings go through the sampler itself, on a few positions first, as a filter that
removes what the truth allows there is infinitely far whatever it does elsewhere.
"""

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

from .contexts import Contexts, divergence
from .positions import Positions, some

FEW = 128
"""Positions a filter is tried on first."""

ROWS = 4096

COLDEST = 1e-37
"""A temperature of 0 is this one: all but the likeliest token are infinitely unlikely."""

Setting = dict[str, float]

FAMILIES: dict[str, Callable[..., Transform]] = {
    "fixed": lambda temperature, p: chain(Temperature(temperature), TopP(p)),
    "edt": lambda t0, theta, p: chain(EntropyTemperature(t0, theta), TopP(p)),
    "dynamic": DynamicTemperature,
    "min_p": lambda temperature, p: chain(Temperature(temperature), MinP(p)),
    "top_n_sigma": lambda temperature, n: chain(TopNSigma(n), Temperature(temperature)),
    "p_less": lambda temperature: chain(Temperature(temperature), PLess()),
}


class Told(NamedTuple):
    """What the divergence at any temperature needs of N positions.

    Attributes:
        logits: `[N, V]`, their maximum 0.
        wanted: `[N]`, the mean of the logits under the truth.
        order: `[N]`, minus the entropy of the truth, nats.
        entropy: `[N]`, of the model, nats.
    """

    logits: jax.Array
    wanted: jax.Array
    order: jax.Array
    entropy: jax.Array


@jax.jit
def told(contexts: Contexts) -> Told:
    """Look at positions `[N, 1, ..]`."""

    def one(at):
        logits, truth = at
        z = logits[0] - jnp.max(logits[0])
        p = truth[0]
        logs = jax.nn.log_softmax(z)
        wanted = jnp.sum(jnp.where(p > 0, p * z, 0.0))
        order = jnp.sum(jnp.where(p > 0, p * jnp.log(p), 0.0))
        return Told(z, wanted, order, -jnp.sum(jnp.exp(logs) * logs))

    return jax.lax.map(one, (contexts.logits, contexts.truth), batch_size=ROWS)


@jax.jit
def left_at(heats: jax.Array, seen: Told) -> jax.Array:
    """Return the mean KL(truth || softmax(logits / T)) for a temperature a position, `[N]`."""

    def one(at):
        heat, seen = at
        heat = jnp.maximum(heat, COLDEST)
        mass = jax.nn.logsumexp(seen.logits / heat)
        return seen.order - seen.wanted / heat + mass

    return jnp.mean(jax.lax.map(one, (heats, seen), batch_size=ROWS))


def heats(family: str, setting: Setting, seen: Told) -> np.ndarray | None:
    """Return the temperatures `[N]` of a setting, or None where it does more than that."""
    if setting.get("p", 1.0) < 1.0 or family not in ("fixed", "edt", "dynamic"):
        return None
    entropy = np.asarray(seen.entropy, np.float64)
    if family == "fixed":
        return np.full(entropy.shape, setting["temperature"], np.float32)
    with np.errstate(under="ignore", over="ignore"):
        if family == "edt":
            exponent = math.log(0.8) * setting["theta"] / np.maximum(entropy, 1e-9)
            found = setting["t0"] * np.exp(np.clip(exponent, -200.0, 80.0))
            found = np.where(exponent > 0, np.minimum(found, 10.0), found)
        else:
            share = np.clip(entropy / math.log(seen.logits.shape[1]), 0.0, None)
            low, high = setting["low"], setting["high"]
            found = low + (high - low) * share ** setting["exponent"]
        return found.astype(np.float32)


class Scores(NamedTuple):
    """What each of M settings leaves, mean KL in nats per token, inf where it loses support."""

    settings: Sequence[Setting]
    tuning: np.ndarray
    test: np.ndarray


def scores(family: str, settings: Sequence[Setting], tuning: Positions, test: Positions) -> Scores:
    """Score every setting on the positions it is tuned on, and on the test set."""
    found = [_scored(family, settings, part) for part in (tuning, test)]
    return Scores(settings, *found)


def refined(family: str, setting: Setting, part: Positions) -> Setting:
    """Return the best setting near one of "fixed" or "edt" on a part, by Nelder-Mead.

    A setting that does more than choose temperatures comes back as it is.
    """
    seen = told(part.contexts)
    if heats(family, setting, seen) is None:
        return setting
    names = [name for name in setting if name != "p"]

    def at(x):
        return setting | dict(zip(names, [math.exp(x[0]), *x[1:]], strict=True))

    def loss(x):
        return float(left_at(jnp.asarray(heats(family, at(x), seen)), seen))

    start = [math.log(setting[names[0]]), *(setting[name] for name in names[1:])]
    size = np.diag([0.05, 0.3])[: len(start), : len(start)]
    simplex = np.concatenate([[start], start + size])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-7, "maxfev": 120}
    found = optimize.minimize(loss, start, method="Nelder-Mead", options=options)
    return {name: float(value) for name, value in at(found.x).items()}


def _scored(family, settings, part):
    few, seen = some(part, FEW), told(part.contexts)
    found = np.empty(len(settings))
    for i, setting in enumerate(settings):
        at = heats(family, setting, seen)
        if at is not None:
            found[i] = float(left_at(jnp.asarray(at), seen))
            continue
        sampler = FAMILIES[family](**setting)
        found[i] = float(_mean(sampler, few))
        if np.isfinite(found[i]):
            found[i] = float(_mean(sampler, part.contexts))
    return found


@jax.jit
def _mean(sampler, contexts):
    return jnp.mean(divergence(sampler, contexts))


def best_of(found: Scores) -> dict[str, list[float]]:
    """Return what the best of n settings, chosen at random among all, leaves on the test set.

    The best is the one that does best in tuning. Its score's mean over all choices of n is inf
    while a choice may hold nothing but settings that lose support, so there is the median too.

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
        some = np.asarray(chance) > 0
        curve["n"].append(n)
        curve["mean"].append(float(np.asarray(chance)[some] @ test[some]))
        reached = np.searchsorted(np.cumsum(np.asarray(chance)[by_test]), 0.5 - 1e-12)
        curve["median"].append(float(test[by_test[reached]]))
    return curve
