"""Policies that are trained on curves, so that a step costs no pass over the vocabulary."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxsample.learn import Learned, Policy

from .curves import Curves, Grid, at

AT_ONCE = 8192  # tokens that are scored at once


class Trained(NamedTuple):
    """The policies of one rung and configuration, one for each seed.

    Attributes:
        samplers: with the parameters that were best on val.
        val: nats per token on val, `[S]`.
        epochs: how many were run.
    """

    samplers: list[Learned]
    val: np.ndarray
    epochs: int


def untrained(plan: dict[str, Any], rung: dict[str, Any], width: int, size: int, seed: int):
    """Return a rung's policy before training; it samples as the model does.

    Args:
        plan: `policy` of the protocol.
        rung: a rung of the protocol.
        width: of the network.
        size: of the hidden state.
        seed: of the network's start.
    """
    hidden_size = size if rung["hidden"] else 0
    features = tuple(plan["features"])
    settings = dict(per=rung["per"], features=features, hidden_size=hidden_size, width=width)
    return Learned(Policy("temperature", **settings, rngs=nnx.Rngs(seed)))


def inputs(sampler: Learned, curves: Curves) -> np.ndarray:
    """Return what a policy reads at each token, `[N, I]`: all that was kept, or a part of it."""
    policy = sampler.policy
    seen = curves.seen[curves.first] if policy.per == "instance" else curves.seen
    return seen[:, : policy.inputs]


def log_temperatures(sampler: Learned, seen: jax.Array) -> jax.Array:
    """Return the logarithms of the temperatures that a policy chooses, `[N]`."""
    policy = sampler.policy

    def here(x):
        temperature: Any = policy(x)[0]
        return jnp.log(temperature.value)

    return jax.vmap(here)(seen)


def surprise_of(sampler: Learned, curves: Curves, grid: Grid) -> np.ndarray:
    """Return the surprise of every token under a policy, nats `[N]`."""
    seen, parts = inputs(sampler, curves), []
    for i in range(0, len(seen), AT_ONCE):
        some = slice(i, i + AT_ONCE)
        parts.append(_scored(grid, sampler, curves.surprise[some], curves.slope[some], seen[some]))
    return np.concatenate(parts)


def plan_of(protocol: dict[str, Any], quick: bool) -> dict[str, Any]:
    """Return `policy` of the protocol, with fewer seeds and epochs for a quick run."""
    return protocol["policy"] | (protocol["quick"] if quick else {})


def train_rung(
    plan: dict[str, Any],
    rung: dict[str, Any],
    configuration: dict[str, Any],
    size: int,
    *curves: Any,
) -> Trained:
    """Train a rung's policies, one for each seed of the plan.

    Args:
        plan: from `plan_of`.
        rung, configuration: of the protocol.
        size: of the hidden state.
        curves: of the train and val parts, and their grid.
    """
    width = configuration["width"]
    return train(
        [untrained(plan, rung, width, size, seed) for seed in plan["seeds"]],
        *curves,
        rate=configuration["rate"],
        decay=configuration["decay"],
        batch=plan["batch"],
        epochs=plan["epochs"],
        patience=plan["patience"],
    )


def train(
    samplers: Sequence[Learned],
    train: Curves,
    val: Curves,
    grid: Grid,
    *,
    rate: float,
    decay: float,
    batch: int,
    epochs: int,
    patience: int,
) -> Trained:
    """Train policies that differ in their parameters alone, by the mean surprise.

    Args:
        samplers: one for each seed.
        train, val: curves.
        grid: of the curves.
        rate, decay: of AdamW; the rate falls to 0 along a cosine.
        batch: tokens for each step and seed.
        epochs: at most.
        patience: stop after this many epochs in which no seed was better on val.
    """
    steps = len(train.unit) // batch
    forms = _Forms(grid, optax.adamw(_cosine(rate, steps * epochs), weight_decay=decay))
    given = train.surprise, train.slope, inputs(samplers[0], train)
    params = jax.tree.map(lambda *x: jnp.stack(x), *(s.params for s in samplers))
    state = jax.vmap(forms.optimizer.init)(params)
    best, least, stale, epoch = params, np.full(len(samplers), np.inf), 0, 0
    rngs = [np.random.default_rng([seed, 1]) for seed in range(len(samplers))]
    while epoch < epochs and stale < patience:
        epoch += 1
        order = np.stack([rng.permutation(len(train.unit)) for rng in rngs])
        for i in range(0, steps * batch, batch):
            some = tuple(x[order[:, i : i + batch]] for x in given)
            params, state = _step(forms, samplers[0], params, state, *some)
        loss = np.array([surprise_of(s, val, grid).mean() for s in _with(samplers, params)])
        better = loss < least
        stale = 0 if better.any() else stale + 1
        least = np.where(better, loss, least)
        best = jax.tree.map(functools.partial(_chosen, better), params, best)
    return Trained(_with(samplers, best), least, epoch)


class _Forms(NamedTuple):
    """The static arguments of a step."""

    grid: Grid
    optimizer: optax.GradientTransformation


def _cosine(rate, steps):
    return optax.cosine_decay_schedule(rate, max(steps, 1))


def _with(samplers, params):
    return [
        s.replace(params=jax.tree.map(lambda x, i=i: x[i], params)) for i, s in enumerate(samplers)
    ]


def _chosen(better, new, old):
    return jnp.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=3)
def _step(forms, sampler, params, state, surprise, slope, seen):
    def loss(params, surprise, slope, seen):
        log_t = log_temperatures(sampler.replace(params=params), seen)
        return jnp.mean(at(forms.grid, surprise, slope, log_t))

    def one(params, state, *some):
        updates, state = forms.optimizer.update(jax.grad(loss)(params, *some), state, params)
        return optax.apply_updates(params, updates), state

    return jax.vmap(one)(params, state, surprise, slope, seen)


@functools.partial(jax.jit, static_argnums=0)
def _scored(grid, sampler, surprise, slope, seen):
    return at(grid, surprise, slope, log_temperatures(sampler, seen))
