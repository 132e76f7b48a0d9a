"""Rows of logits of every kind and length, and the real rows of a model where they are at hand."""

import functools
from pathlib import Path

import numpy as np
import pytest

REAL = Path(__file__).resolve().parents[2] / "shared/assets/real_logits/smollm2_64x49152_f16.npz"


@functools.cache
def rows(size):
    """Rows `[size]` by name; the last three have a NaN, nothing above -inf, and +inf."""
    rng = np.random.default_rng(size)
    rank = 1.0 + rng.permutation(size)
    few, some = rng.permutation(size)[:3], rng.permutation(size)[: max(size // 20, 4)]
    wide = 2 * rng.standard_normal(size)
    made = {
        "peaked": 6 * np.exp(-rank / 5) - 2 * np.log(rank) + 0.1 * rng.standard_normal(size),
        "normal": wide,
        "flat": 0.1 * rng.standard_normal(size),
        "zipf": -1.1 * np.log(rank) + 0.3 * rng.standard_normal(size),
        "light zipf": -0.6 * np.log(rank),
        "whole numbers": np.round(wide),
        "many maxima": np.where(rank <= min(300, size // 2), 4.0, wide / 2),
        "constant": np.full(size, -3.0),
        "mostly masked": np.where(np.isin(np.arange(size), some), wide, -np.inf),
        "few left": np.where(np.isin(np.arange(size), few), wide, -np.inf),
        "one left": np.where(np.arange(size) == few[0], -8.0, -np.inf),
        "ascending": np.linspace(-9, 0, size),
        "nan": np.where(np.arange(size) == size - 1, np.nan, wide),
        "empty": np.full(size, -np.inf),
        "infinite": np.where(np.isin(np.arange(size), few), np.inf, wide),
    }
    return {name: np.float32(row) for name, row in made.items()}


@functools.cache
def real_rows():
    """64 rows of 49,152 logits of SmolLM2-135M-Instruct; skips the test where they are missing."""
    if not REAL.exists():
        pytest.skip(f"the rows of a real model are not at {REAL}")
    return np.float32(np.load(REAL)["logits"])
