"""One number for quality and diversity together."""

from __future__ import annotations

import math


def eda(quality: float, self_similarity: float, weight: float = 1.0) -> float:
    """Return the distance from the ultimate aim, quality 100 at self-similarity 0; lower is better.

    This is our definition: 100 sqrt(weight^2 ((100 - Q) / 100)^2 + (S / 100)^2). The papers that
    report an EDA do not all say their weight, so state yours beside the number.

    It is not a proper score: for a perfectly calibrated model, whose best temperature is 1, the
    temperature with the least EDA is another, above 1 where texts are predictable and below 1
    where they are not. Report it to compare with others' reports; do not tune a sampler on it. See
    `jaxsample.learn.KernelScore` for a proper score of the same two terms.

    Args:
        quality: Q in 0..100, such as ROUGE-L or BLEU.
        self_similarity: S in 0..100, such as Self-BLEU.
        weight: of the lack of quality, >= 0.

    Raises:
        ValueError: if an argument is out of range.

    >>> round(eda(40.0, 80.0), 6), round(eda(40.0, 80.0, weight=0.5), 6)
    (100.0, 85.440037)
    """
    for name, value in ("quality", quality), ("self_similarity", self_similarity):
        if not -1e-6 <= value <= 100 + 1e-6:  # a metric may round past its end
            raise ValueError(f"{name} must be in 0..100, got {value}")
    if weight < 0:
        raise ValueError(f"weight must be >= 0, got {weight}")
    return math.hypot(weight * (100.0 - quality), self_similarity)
