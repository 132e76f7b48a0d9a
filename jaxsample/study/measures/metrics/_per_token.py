"""Means of numbers per token over all tokens of some texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def perplexity(logprobs: Sequence[Sequence[float]]) -> float:
    """Return exp of the mean of -log p over all tokens of the texts.

    All tokens have the same weight, in long and short texts; give one text for its perplexity. NaN
    for no tokens; infinite if a token had probability 0.

    Args:
        logprobs: for each text, the log-probability of each token in nats, such as the rows'
            `model_logprobs`.

    >>> round(perplexity([[math.log(0.5), math.log(0.125)], []]), 6)
    4.0
    """
    with np.errstate(over="ignore"):
        return float(np.exp(-_mean(logprobs)))


def mean_entropy(entropy: Sequence[Sequence[float]]) -> float:
    """Return the mean entropy over all tokens of the texts in nats; NaN for no tokens.

    Args:
        entropy: for each text, the entropy before each token.

    >>> mean_entropy([[1.0, 2.0], [], [6.0]])
    3.0
    """
    return _mean(entropy)


def mean_kept(kept: Sequence[Sequence[int]]) -> float:
    """Return the mean size of the kept set over all tokens of the texts; NaN for no tokens.

    Args:
        kept: for each text, the number of tokens that the sampler kept before each token.

    >>> mean_kept([[1, 3], [50]])
    18.0
    """
    return _mean(kept)


def _mean(texts: Sequence[Sequence[Any]]) -> float:
    every = [value for text in texts for value in text]
    return math.fsum(every) / len(every) if every else math.nan
