"""Maps between the ranges of hyperparameters and the real line."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._fields import Spec
from jaxsample.transforms.contract._partition import specs_along

NEAREST = 1e-6
"""Values on a bound start this far inside it: no finite number maps to the bound itself."""

BOUNDLESS = 1e29  # a bound beyond this counts as no bound


def unconstrain(trainable: Any, sampler: Any) -> Any:
    """Map each trainable leaf from its field's range to the real line.

    Args:
        trainable: from `partition(sampler)`.
        sampler: the sampler whose fields declare the ranges.

    >>> sampler = chain(Temperature(0.7), TopP(0.9))
    >>> trainable, _ = partition(sampler)
    >>> constrain(unconstrain(trainable, sampler), sampler)[0].value.round(4)
    Array(0.7, dtype=float32)
    """
    return _map(_inverse, trainable, sampler)


def constrain(raw: Any, sampler: Any) -> Any:
    """Map unconstrained numbers smoothly into the open ranges; the inverse of `unconstrain`.

    The map is a softplus for a range with one bound, a sigmoid for a range with two bounds, and the
    identity for a range without bounds.

    Args:
        raw: from `unconstrain`, possibly moved by an optimizer.
        sampler: the sampler whose fields declare the ranges.

    >>> raw = unconstrain(TopP(0.9), TopP(0.9))
    >>> moved = constrain(jax.tree.map(lambda u: u + 5.0, raw), TopP(0.9))
    >>> bool(0.9 < moved.p) and bool(moved.p < 1)
    True
    """
    return _map(_forward, raw, sampler)


def _map(change, tree, sampler):
    def one(path, leaf):
        spec = ([Spec(), *specs_along(sampler, path)])[-1]
        low = -jnp.inf if spec.low is None or spec.low < -BOUNDLESS else spec.low
        high = jnp.inf if spec.high is None or spec.high > BOUNDLESS else spec.high
        return change(jnp.asarray(leaf, jnp.float32), low, high)

    return jax.tree_util.tree_map_with_path(one, tree)


def _inverse(x, low, high):
    if low > -jnp.inf and high < jnp.inf:
        share = jnp.clip((x - low) / (high - low), NEAREST, 1 - NEAREST)
        return jnp.log(share) - jnp.log1p(-share)
    if low > -jnp.inf:
        above = jnp.maximum(x - low, NEAREST)
        return above + jnp.log(-jnp.expm1(-above))
    if high < jnp.inf:
        return -_inverse(-x, -high, jnp.inf)
    return x


def _forward(u, low, high):
    if low > -jnp.inf and high < jnp.inf:
        return low + (high - low) * jax.nn.sigmoid(u)
    if low > -jnp.inf:
        return low + jax.nn.softplus(u)
    if high < jnp.inf:
        return high - jax.nn.softplus(-u)
    return u
