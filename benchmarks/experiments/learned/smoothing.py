"""The smoothed world: the model is the truth with mass leaked to tokens that never follow.

The model is q = (1 - leak) p on the support of the truth p, and spreads `leak` over the other
tokens. Every token of the support is above all others, and the support has the mass 1 - leak. So
TopP restores the truth exactly for every p in (1 - leak - m, 1 - leak], where m is the least mass
of a supported token under q. No temperature does.
"""

from __future__ import annotations

import numpy as np

from .contexts import World, divided, single

VOCAB, HIDDEN = 64, 16
LEAK = 0.1
LEAST = 0.05
"""The least probability of a supported token in the truth, which is above all leaked mass."""

SUPPORTS = {"one": (1, 1), "few": (2, 4), "many": (5, 8)}
"""The least and the largest number of tokens that may follow, by kind."""


def smoothed(count: int = 1500, seed: int = 0, leak: float = LEAK) -> World:
    """Build the world from `count` contexts.

    Raises:
        ValueError: if the leaked mass of a token may exceed that of a supported one.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(SUPPORTS), size=count)
    low, high = np.array(list(SUPPORTS.values()))[kinds].T
    order = rng.permuted(np.tile(np.arange(VOCAB), (count, 1)), axis=1)
    support = order < rng.integers(low, high + 1)[:, None]
    size = support.sum(axis=1, keepdims=True)
    truth = support * (LEAST + (1 - LEAST * size) * _spread(rng, support))
    noise = leak * ~support * _spread(rng, ~support)
    least = (1 - leak) * float(np.min(truth[support]))
    if noise.max() >= least:
        raise ValueError(f"`leak` must leave noise below {least:.3f}, got {noise.max():.3f}")
    tokens = np.argmax(np.cumsum(truth, axis=1) > rng.random((count, 1)), axis=1)
    centers = rng.normal(size=(len(SUPPORTS), HIDDEN))
    hidden = centers[kinds] + 0.1 * rng.normal(size=(count, HIDDEN))
    parts = divided(single(np.log((1 - leak) * truth + noise), hidden, truth, tokens, kinds))
    return World("smoothed", tuple(SUPPORTS), **parts, interval=(1 - leak - least, 1 - leak))


def _spread(rng, mask):
    weights = mask * rng.exponential(size=mask.shape)
    return weights / weights.sum(axis=1, keepdims=True)
