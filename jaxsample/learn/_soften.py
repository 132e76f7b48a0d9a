"""Swap hard filters for soft ones and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxsample.learn._bounds import NEAREST
from jaxsample.learn._learned import Learned
from jaxsample.learn._soft import SoftMinP, SoftTopK, SoftTopP
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.filters._truncation import MinP, TopP

PAIRS = {TopP: SoftTopP, MinP: SoftMinP}
HARD = {soft: hard for hard, soft in PAIRS.items()}


def soften(sampler: Any, sharpness: Any) -> Any:
    """Give `TopP`, `MinP` and a `Learned` nucleus a slope, so that their edges can be learned.

    What is soft already gets the new sharpness, `SoftTopK` too.

    >>> soften(chain(TopK(50), TopP(0.9)), 30.0)
    chain(TopK(k=50), SoftTopP(p=0.9, sharpness=30.0))
    """
    sharpness = jnp.asarray(sharpness, jnp.float32)

    def one(t):
        if type(t) in PAIRS:
            return PAIRS[type(t)](t.p, sharpness)
        if type(t) in HARD or isinstance(t, SoftTopK):
            return t.replace(sharpness=sharpness)
        if isinstance(t, Learned) and t.policy.head == "nucleus":  # type: ignore[attr-defined]
            return t.replace(soft=True, sharpness=sharpness)
        return t

    return _members(one, sampler)


def harden(sampler: Any) -> Any:
    """Put the hard filters back, at the edges the soft ones have; `SoftTopK` stays soft.

    An edge as near to off as training starts a filter that is off goes back to being off.

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


def _members(one: Callable[[Transform], Transform], sampler: Transform) -> Transform:
    if isinstance(sampler, Chain):
        return chain(*map(one, sampler))  # type: ignore[call-overload]
    return one(sampler)
