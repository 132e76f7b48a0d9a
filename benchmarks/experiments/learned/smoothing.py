"""The de-smoothing world: the model is the truth with mass leaked to tokens that never follow.

q = (1 - leak) p on the support of the truth, and `leak` spread over the other tokens. Sorted by q
the support comes first, its mass is 1 - leak, so TopP gives the truth back exactly for every p in
(1 - leak - min q, 1 - leak], min q being the least a supported token has. No temperature does.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .contexts import Contexts, World, divided

VOCAB, HIDDEN = 64, 16
LEAK = 0.1
LEAST = 0.05
"""The least a token of the support has in the truth; above all noise, so that they separate."""

SUPPORTS = {"one": (1, 1), "few": (2, 4), "many": (5, 8)}
"""How many tokens may follow, least and most, by kind."""


def smoothed(count: int = 1500, seed: int = 0, leak: float = LEAK) -> World:
    """Build the world from `count` contexts.

    Raises:
        ValueError: a leak with which noise may outweigh the support.
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
    whole = Contexts(
        jnp.asarray(np.log((1 - leak) * truth + noise), jnp.float32)[:, None],
        jnp.asarray(centers[kinds] + 0.1 * rng.normal(size=(count, HIDDEN)), jnp.float32)[:, None],
        jnp.asarray(truth, jnp.float32)[:, None],
        jnp.asarray(tokens, jnp.int32)[:, None],
        jnp.ones((count, 1), bool),
        jnp.asarray(kinds, jnp.int8)[:, None],
    )
    parts = divided(whole)
    return World("smoothed", tuple(SUPPORTS), **parts, interval=(1 - leak - least, 1 - leak))


def _spread(rng, mask):
    weights = mask * rng.exponential(size=mask.shape)
    return weights / weights.sum(axis=1, keepdims=True)
