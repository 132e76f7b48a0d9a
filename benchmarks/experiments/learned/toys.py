"""Toy worlds: contexts of one token, built so that the ideal temperature T* is known exactly.

The model's logits z are noise, scaled so that a "sure" row has .5 to 1.3 nats and an "unsure" one
2.4 to 3.2. The truth is softmax(z / T*). In each world T* depends on something else:

- null: on nothing, so a constant is best.
- edt: on the entropy, by the formula of EDT.
- aligned: on the entropy; sure rows are too flat, which is the polarity EDT was made for.
- inverse: on the entropy, with the opposite polarity.
- crossed: on a class that the hidden state shows and the distribution does not.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import log_softmax

from jaxsample import EntropyTemperature

from .contexts import World, divided, single

VOCAB, HIDDEN = 64, 16
ENTROPIES = {"sure": (0.5, 1.3), "unsure": (2.4, 3.2)}
EDT = (1.2, 1.5)
"""t0 and theta of the edt world."""

TEMPERATURES = {
    "null": {"sure": 0.8, "unsure": 0.8},
    "edt": {"sure": None, "unsure": None},
    "aligned": {"sure": 0.5, "unsure": 1.4},
    "inverse": {"sure": 1.4, "unsure": 0.5},
    "crossed": {"sure cold": 0.5, "sure hot": 1.4, "unsure cold": 0.5, "unsure hot": 1.4},
}
"""T* of each class of contexts, by world; None where EDT's formula gives it."""

JITTER = {"crossed": 0.05}
"""Standard deviation of log T* around its class."""

NOISE = 0.1
"""Standard deviation of the hidden state around its class's."""


def toy(name: str, count: int = 1500, seed: int = 0) -> World:
    """Build a toy world of `count` contexts.

    Raises:
        KeyError: if no toy world has this name.
    """
    temperatures = TEMPERATURES[name]
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(temperatures), size=count)
    ranges = np.array([ENTROPIES[kind.split()[0]] for kind in temperatures])
    z = rows(rng, rng.uniform(*ranges[kinds].T))
    centers = rng.normal(size=(len(temperatures), HIDDEN))
    hidden = centers[kinds] + NOISE * rng.normal(size=(count, HIDDEN))
    if name == "edt":
        sampler = EntropyTemperature(*EDT)
        ideal = np.ptp(z, axis=1) / np.ptp(np.asarray(jax.vmap(sampler)(jnp.asarray(z))), axis=1)
    else:
        ideal = np.array(list(temperatures.values()))[kinds]
        ideal = ideal * np.exp(JITTER.get(name, 0.0) * rng.normal(size=count))
    logs = log_softmax(z / ideal[:, None], axis=1)
    tokens = np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    whole = single(z, hidden, np.exp(logs), tokens, kinds)
    best = divided(jnp.asarray(ideal, jnp.float32)[:, None])
    return World(name, tuple(temperatures), **divided(whole), ideal=best)


def rows(rng: np.random.Generator, entropies: np.ndarray) -> np.ndarray:
    """Draw logits `[N, VOCAB]` whose distributions have the entropies `[N]`, in nats."""
    noise = rng.gumbel(size=(len(entropies), VOCAB))
    low, high = np.zeros(len(noise)), np.full(len(noise), 1e3)
    for _ in range(60):
        scale = (low + high) / 2
        logs = log_softmax(scale[:, None] * noise, axis=1)
        flatter = -np.sum(np.exp(logs) * logs, axis=1) > entropies
        low, high = np.where(flatter, scale, low), np.where(flatter, high, scale)
    return high[:, None] * noise
