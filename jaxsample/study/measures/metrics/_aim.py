"""Quality and diversity in one number."""

from __future__ import annotations

import math


def eda(quality: float, self_similarity: float, weight: float = 1.0) -> float:
    """Return the distance from quality 100 and self-similarity 0; lower is better.

    The definition is 100 sqrt(weight^2 ((100 - Q) / 100)^2 + (S / 100)^2). Papers that report an
    EDA do not always state the weight, so report yours with the number.

    EDA is not a proper score. The best temperature of a perfectly calibrated model is 1, but its
    EDA is lowest above 1 if its texts are predictable, and below 1 if they are not. Use EDA to
    compare with other reports, not to tune a sampler. `jaxsample.learn.KernelScore` is a proper
    score of the same two terms.

    Args:
        quality: Q in 0..100, such as ROUGE-L or BLEU.
        self_similarity: S in 0..100, such as Self-BLEU.
        weight: the weight of quality, >= 0.

    Raises:
        ValueError: if an argument is out of range.

    >>> round(eda(40.0, 80.0), 6), round(eda(40.0, 80.0, weight=0.5), 6)
    (100.0, 85.440037)
    """
    for name, value in ("quality", quality), ("self_similarity", self_similarity):
        if not -1e-6 <= value <= 100 + 1e-6:  # a metric may exceed its range by a rounding error
            raise ValueError(f"{name} must be in 0..100, got {value}")
    if weight < 0:
        raise ValueError(f"weight must be >= 0, got {weight}")
    return math.hypot(weight * (100.0 - quality), self_similarity)
