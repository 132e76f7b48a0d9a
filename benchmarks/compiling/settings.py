"""A hundred settings of a sampler, in the types that users pass: int, float, numpy and jax."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain

KINDS = (float, int, np.float32, np.float64, np.int32, jnp.float32, jnp.int32, np.asarray)
COUNT = 100


def mixed():
    """Yield chains of five transforms with all types of numbers in turn."""
    rng = np.random.default_rng(0)
    ks = (5, 50.0, np.int64(7), np.float32(3), jnp.int32(9), TopK.off)
    for i, kind in zip(range(COUNT), itertools.cycle(KINDS), strict=False):
        whole = kind in (int, np.int32, jnp.int32)
        t, t0, theta = rng.integers(1, 4, 3) if whole else rng.uniform(0.3, 2, 3)
        p, m = rng.integers(0, 2, 2) if whole else rng.uniform(0, 1, 2)
        yield chain(
            Temperature(kind(t)),
            EntropyTemperature(kind(t0), kind(theta)),
            TopK(ks[i % len(ks)]),
            TopP(kind(p)),
            MinP(kind(m)),
        )


def plain(i: int) -> dict:
    """Return the i-th setting that every peer can express, in Python numbers."""
    values = {"temperature": 0.5 + 0.01 * i, "top_k": 10 + i, "top_p": 0.8 + 0.001 * i}
    return {**values, "min_p": None, "theta": None, "per_row": False}
