"""The Vendi score of diversity."""

from __future__ import annotations

from typing import Any

import numpy as np


def vendi(similarity: Any = None, *, features: Any = None) -> float:
    """Return the Vendi score, the effective number of different texts among n, in 1..n.

    The score is exp of the entropy of the eigenvalues of K / n, for a matrix K of similarities. It
    is n if no two texts are similar, and 1 if all are the same.

    Args:
        similarity: K `[n, n]`, symmetric, positive semi-definite, with 1 on the diagonal.
        features: `[n, D]`, such as embeddings, instead of K, which is then their cosines. The cost
            depends on the smaller of n and D.

    Raises:
        ValueError: unless exactly one of the two is given, with the right shape and finite, and no
            feature is zero.

    Reference: Friedman and Dieng, 2023, https://arxiv.org/abs/2210.02410

    >>> round(vendi([[1, 0, 0], [0, 1, 1], [0, 1, 1]]), 6)
    1.889882
    >>> round(vendi(features=[[1, 0], [0, 2], [0, 3]]), 6)
    1.889882
    """
    if (similarity is None) == (features is None):
        raise ValueError("give either similarity or features")
    kernel = _checked(similarity) if features is None else _smaller(features)
    # Rounding makes some zeros negative.
    values = np.maximum(np.linalg.eigvalsh(kernel / np.trace(kernel)), 0.0)
    values = values[values > 0]
    return float(np.exp(-np.sum(values * np.log(values))))


def _checked(similarity):
    kernel = np.asarray(similarity, np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
        raise ValueError(f"similarity must be [n, n], got {list(kernel.shape)}")
    if not np.allclose(kernel, kernel.T) or not np.allclose(np.diag(kernel), 1.0):
        raise ValueError("similarity must be symmetric, with 1 on the diagonal")
    return kernel


def _smaller(features):
    """Return the smaller of the two Gram matrices, which share their nonzero eigenvalues."""
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not x.size:
        raise ValueError(f"features must be [n, D], got {list(x.shape)}")
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise ValueError("features must be finite, and none of them zero")
    x = x / norms
    return x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
