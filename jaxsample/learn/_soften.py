"""Replacement of hard filters by soft ones, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxsample.learn._bounds import NEAREST
from jaxsample.learn._learned import Learned
from jaxsample.learn._soft import SoftMinP, SoftTopK, SoftTopP
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.filters._truncation import MinP, TopP

PAIRS = {TopP: SoftTopP, MinP: SoftMinP}
HARD = {soft: hard for hard, soft in PAIRS.items()}


def soften(sampler: Any, sharpness: Any) -> Any:
    """Replace `TopP`, `MinP` and a `Learned` nucleus by soft filters, so that they can be trained.

    Filters that are soft already get the new sharpness, `SoftTopK` too.

    Args:
        sampler: a transform or a chain.
        sharpness: of the soft filters, > 0.

    >>> soften(chain(TopK(50), TopP(0.9)), 30.0)
    chain(TopK(k=50), SoftTopP(p=0.9, sharpness=30.0))
    """
    sharpness = jnp.asarray(sharpness, jnp.float32)

    def one(t: Any) -> Any:
        if type(t) in PAIRS:
            return PAIRS[type(t)](t.p, sharpness)
        if type(t) in HARD or isinstance(t, SoftTopK):
            return t.replace(sharpness=sharpness)
        if isinstance(t, Learned) and t.policy.head == "nucleus":
            return t.replace(soft=True, sharpness=sharpness)
        return t

    return _members(one, sampler)


def harden(sampler: Any) -> Any:
    """Replace soft filters by hard ones with the same edges; `SoftTopK` stays soft.

    A filter whose edge is within 2e-6 of neutral becomes exactly neutral: training starts a neutral
    filter 1e-6 away.

    >>> harden(soften(chain(TopK(50), TopP(0.9)), 30.0))
    chain(TopK(k=50), TopP(p=0.9))
    """

    def one(t):
        if type(t) in HARD:
            off = 1.0 if isinstance(t, SoftTopP) else 0.0
            p = jnp.asarray(t.p, jnp.float32)
            return HARD[type(t)](jnp.where(jnp.abs(p - off) <= 2 * NEAREST, jnp.float32(off), p))
        return t.replace(soft=False) if isinstance(t, Learned) else t

    return _members(one, sampler)


def _members(one: Callable[[Any], Any], sampler: Any) -> Any:
    return chain(*map(one, sampler)) if isinstance(sampler, Chain) else one(sampler)
