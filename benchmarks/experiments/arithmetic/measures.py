"""Pass@1 and pass@8 of arms that were measured on the same sums, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.experiments.learned.inference import interval, sign_flip

KS = 1, 8


def at_k(right: np.ndarray, k: int) -> np.ndarray:
    """Return the probability that one of k texts is right, given that of one text."""
    return 1.0 - (1.0 - right) ** k


def at_all(right: np.ndarray, ks: Sequence[int]) -> float:
    """Return the sum of the mean pass@k for each of `ks`."""
    return float(sum(np.mean(at_k(right, k)) for k in ks))


def spread(values: np.ndarray) -> dict[str, Any]:
    """Return the mean of `[S, N]`, S seeds on N sums, with its 95% interval."""
    return {"value": float(np.mean(values)), "ci": interval(values, np.ones(values.shape[1]))}


def summary(right: np.ndarray, missed: np.ndarray) -> dict[str, Any]:
    """Return pass@1 and pass@8 of an arm with their intervals, and what each may miss.

    Args:
        right: `[S, N]`.
        missed: `[S, N]`, at most how much texts of other formats add to `right`.
    """
    return {f"pass_{k}": spread(at_k(right, k)) | {"missed": unseen(right, missed, k)} for k in KS}


def unseen(right: np.ndarray, missed: np.ndarray, k: int) -> float:
    """Return at most how much larger the mean of pass@k is if the missed texts are right."""
    return float(np.mean(at_k(np.minimum(right + missed, 1.0), k) - at_k(right, k)))


def contrast(arm: np.ndarray, other: np.ndarray, k: int, plan: dict[str, Any]) -> dict[str, Any]:
    """Return arm - other of pass@k with its interval, and the two-sided p-value of no difference.

    Args:
        arm, other: `[S, N]`; one row for an arm that is not trained.
        k: of pass@k.
        plan: `statistics` of the protocol.
    """
    apart = at_k(arm, k) - at_k(other, k)
    p = sign_flip(np.mean(apart, axis=0), plan["flips"], plan["seed"] + 1)
    return spread(apart) | {"p": p}


def excess(values: np.ndarray, plan: dict[str, Any]) -> dict[str, Any]:
    """Return the mean of `[S, N]` with its interval, and the one-sided p-value of a mean <= 0."""
    flips, seed = plan["flips"], plan["seed"] + 1
    return spread(values) | {"p": sign_flip(np.mean(values, axis=0), flips, seed, "greater")}


def share(arm: np.ndarray, other: np.ndarray, plain: np.ndarray, k: int) -> dict[str, Any]:
    """Return the gain of an arm over plain sampling as a share of the gain of another.

    The share has no interval if the interval of the other's gain reaches 0, and no value if the
    other gains nothing.
    """
    base = at_k(plain, k)
    gains, others = at_k(arm, k) - base, at_k(other, k) - base
    whole, gained = spread(others), {"gain": float(np.mean(gains))}
    value = gained["gain"] / whole["value"] if whole["value"] > 0 else math.nan
    if not whole["ci"][0] > 0:
        return {"value": value, "ci": None} | gained
    # The ratio of two means, linearised: it has the ratio's value and its first-order spread.
    return spread(value + (gains - value * others) / whole["value"]) | gained
