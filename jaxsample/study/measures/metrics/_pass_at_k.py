"""The chance that one of several samples is right."""

from __future__ import annotations

from typing import Any

import numpy as np


def pass_at_k(correct: Any, n: Any, k: int) -> Any:
    """Estimate the probability that at least one of k samples is right; unbiased.

    The estimate is 1 - C(n - correct, k) / C(n, k): the share of all sets of k among n samples that
    hold a right one. The plug-in 1 - (1 - correct / n)^k is too low on average.

    Args:
        correct: `[..]` int, how many of the n samples of each problem are right.
        n: int, or `[..]` for each problem; at least k.
        k: the number of tries, >= 1.

    Returns:
        float64 `[..]`, one estimate for each problem; average them over problems.

    Raises:
        ValueError: if k < 1, n < k, or correct is not in 0..n.

    Reference: Chen et al., 2021, https://arxiv.org/abs/2107.03374

    >>> pass_at_k([0, 1, 3], n=4, k=2)
    array([0. , 0.5, 1. ])
    >>> float(pass_at_k(1, n=4, k=1))
    0.25
    """
    correct, n = np.broadcast_arrays(np.asarray(correct), np.asarray(n))
    if k < 1 or np.any(n < k):
        raise ValueError(f"k must be in 1..n, got k {k} and n {np.min(n) if n.size else n}")
    if np.any((correct < 0) | (correct > n)):
        raise ValueError(f"correct must be in 0..n, got {correct.tolist()} of {n.tolist()}")
    # All k are wrong with probability prod over i < k of (n - correct - i) / (n - i). A factor is
    # 0, and ends the product, if fewer than k samples are wrong.
    drawn = np.arange(k)
    wrong = np.maximum((n - correct)[..., None] - drawn, 0) / (n[..., None] - drawn)
    return 1.0 - np.prod(wrong, axis=-1)
