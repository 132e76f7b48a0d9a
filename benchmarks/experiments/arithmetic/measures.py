"""Pass@1 and pass@8 of arms that were measured on the same sums, with intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.experiments.learned.inference import interval, sign_flip

KS = 1, 8


def at_k(right: np.ndarray, k: int) -> np.ndarray:
    """Return the probability that one of k texts is right, given that of one text."""
    return 1.0 - (1.0 - right) ** k


def spread(values: np.ndarray) -> dict[str, Any]:
    """Return the mean of `[S, N]`, S seeds on N sums, with its 95% interval."""
    return {"value": float(np.mean(values)), "ci": interval(values, np.ones(values.shape[1]))}


def summary(right: np.ndarray) -> dict[str, Any]:
    """Return pass@1 and pass@8 of an arm with their intervals, given `[S, N]`."""
    return {f"pass_{k}": spread(at_k(right, k)) for k in KS}


def contrast(arm: np.ndarray, other: np.ndarray, k: int, plan: dict[str, Any]) -> dict[str, Any]:
    """Return arm - other of pass@k with its interval, and the p-value of no difference.

    Args:
        arm, other: `[S, N]`; one row for an arm that is not trained.
        k: of pass@k.
        plan: `statistics` of the protocol.
    """
    apart = at_k(arm, k) - at_k(other, k)
    p = sign_flip(np.mean(apart, axis=0), plan["resamples"], plan["seed"] + 1)
    return spread(apart) | {"p": p}


def share(arm: np.ndarray, other: np.ndarray, plain: np.ndarray, k: int) -> dict[str, Any]:
    """Return the gain of an arm over plain sampling as a share of the gain of another.

    The share is not defined, and has no interval, if the other gains nothing.
    """
    base = at_k(plain, k)
    gains, others = at_k(arm, k) - base, at_k(other, k) - base
    whole = float(np.mean(others))
    if whole <= 0:
        return {"value": math.nan, "ci": None, "gain": float(np.mean(gains))}
    value = float(np.mean(gains)) / whole
    # The ratio of two means, linearised: it has the ratio's value and its first-order spread.
    return spread(value + (gains - value * others) / whole) | {"gain": float(np.mean(gains))}
