"""Policies that choose a sampler for every token, trained by rewards."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.experiments.learned.grids import FAMILIES
from benchmarks.experiments.learned.ladder import adam, weights
from jaxsample import Transform, chain
from jaxsample.learn import Learned, PassAtK, Policy, PolicyGradient, fit
from jaxsample_models.arithmetic import EOS, KINDS, right

from .measures import at_all
from .tuned import best_on_val
from .world import Part, World, rows, solved

LENGTH = 7
"""Tokens of a solution."""


def schedule(protocol: dict[str, Any], quick: bool) -> dict[str, int]:
    """Return the steps of training, the sums of each, and the texts of each sum."""
    plan = protocol["training"]
    return plan["quick"] if quick else {name: plan[name] for name in ("steps", "sums", "samples")}


def learned(rung: str, ks: list[int], world: World, protocol: dict[str, Any], quick: bool) -> dict:
    """Train a rung for every seed, and return the probability that each test sum is solved.

    Args:
        rung: a name of the protocol's. With `after`, the family of that name goes before the
            policy, with its best setting on val. Its numbers train too, except `cap`.
        ks: the sum of pass@k for each of them trains it.
        world: the model and the sums.
        protocol: the whole protocol.
        quick: two seeds, one rate and few steps.
    """
    seeds = protocol["seeds"]["quick" if quick else "full"]
    rates = protocol["training"]["policy_rates"][: 1 if quick else None]
    plan = schedule(protocol, quick)
    # Of soft filters; `fit` has a default.
    soft = {name: x for name, x in protocol["training"].items() if name == "sharpness"}
    rule = _rule(protocol, rung, ks, world, quick)
    objective = PolicyGradient(PassAtK(right, tuple(ks)), plan["samples"], LENGTH, (EOS,))

    def trained(seed, rate):
        start = _untrained(protocol, rung, rule, world.checkpoint.config.dim, seed)
        if rate == 0:
            return start
        return fit(
            jax.random.key(seed),
            start,
            world.checkpoint.model,
            world.checkpoint.params,
            world.train,
            steps=plan["steps"],
            batch_size=plan["sums"],
            objective=objective,
            optimizer=adam(rate, plan["steps"]),
            every=plan["steps"],
            **soft,
        ).sampler

    first = {rate: trained(seeds[0], rate) for rate in rates}
    on_val = {rate: at_all(solved(s, world.val).right, ks) for rate, s in first.items()}
    rate = max(on_val, key=lambda rate: on_val[rate])
    samplers: list[Any] = [first[rate], *(trained(seed, rate) for seed in seeds[1:])]
    return {
        "config": {"rung": rung, "ks": ks, "rate": rate} | ({"rule": rule[1]} if rule else {}),
        "on_val": {str(rate): value for rate, value in on_val.items()},
        "texts": plan["steps"] * plan["sums"] * plan["samples"] if rate else 0,
        "parameters": weights(samplers[0]),
        "rules": [repr(sampler[:-1]) for sampler in samplers] if rule else None,
        "temperatures": _temperatures(samplers[0], world.test),
    } | rows([solved(sampler, world.test) for sampler in samplers])


def _rule(protocol, rung, ks, world, quick):
    """Return the family that a rung begins with, and its setting; None for plain sampling."""
    family = protocol["rungs"][rung].get("after")
    if family is None:
        return None
    grid = protocol["quick_grids" if quick else "grids"][family]
    return family, best_on_val(family, grid, ks, world)


def _untrained(protocol, rung, rule, hidden_size, seed):
    plan = protocol["learned"]
    policy = Learned(
        Policy(
            **{name: value for name, value in protocol["rungs"][rung].items() if name != "after"},
            features=tuple(plan["features"]),
            hidden_size=hidden_size,
            width=plan["width"],
            rngs=nnx.Rngs(seed),
        )
    )
    if rule is None:
        return policy
    family, setting = rule
    return chain(FAMILIES[family](**setting), policy)


def _temperatures(sampler: Transform, test: Part) -> dict[str, float] | None:
    """Return the median temperature of each kind of token; None for any other sampler."""
    if not isinstance(sampler, Learned) or sampler.policy.head != "temperature":
        return None

    def heat(row, hidden):
        return jnp.ptp(row) / jnp.ptp(sampler(row, None, hidden))

    heats = np.asarray(jax.jit(jax.vmap(jax.vmap(heat)))(test.tree.logits, test.tree.hidden))
    return {kind: float(np.median(heats[test.kinds == i])) for i, kind in enumerate(KINDS)}
