"""The rungs between one temperature for all and a sampler for every token, trained.

All seeds of a rung train at once: their parameters are stacked, each sees labels of its own, and
the sum of their losses has for each the gradient of its own loss. Adam moves every weight by that
weight's gradients alone, so this is as many runs as there are seeds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from jaxsample import stack
from jaxsample.learn import Examples, Learned, Policy, cross_entropy, fit
from jaxsample.transforms.rows._row import Row

from .contexts import Contexts, by_unit, streamed

Rung = dict[str, Any]


def untrained(
    rung: Rung, width: int, features: Sequence[str], hidden_size: int, seed: int
) -> Learned:
    """Return a rung's policy before training, which is plain sampling."""
    policy = Policy(
        rung["head"],
        per=rung["per"],
        features=tuple(features),
        hidden_size=hidden_size if rung.get("hidden") else 0,
        width=width,
        rngs=nnx.Rngs(seed),
    )
    return Learned(policy)


def train(
    samplers: Sequence[Learned],
    draw: Callable[[jax.Array], Examples],
    key: jax.Array,
    *,
    steps: int,
    rate: float,
    batch: int,
    objective: Callable = cross_entropy,
    model: Any = None,
    params: Any = None,
) -> list[Learned]:
    """Train samplers that differ in their parameters alone.

    Args:
        samplers: one a seed.
        draw: key -> examples, `batch` for each seed.
        key: of the labels.
        steps, rate: of Adam, the rate falling to 0 along a cosine.
        batch: examples a step and seed.
        objective: as `fit` takes it.
        model, params: as `fit` takes them.
    """
    found = fit(
        stack(list(samplers)),
        model,
        params,
        draw,
        key=key,
        steps=steps,
        batch_size=batch * len(samplers),
        objective=_apart(objective),
        optimizer=adam(rate, steps),
        every=steps,
    ).sampler
    one = lambda i: jax.tree.map(lambda leaf: leaf[i], found.params)  # noqa: E731
    return [start.replace(params=one(i)) for i, start in enumerate(samplers)]


def labels(contexts: Contexts, count: int) -> Callable[[jax.Array], Examples]:
    """Return key -> `count` contexts, with labels drawn anew from the truth."""
    return streamed(contexts, count)


@jax.jit
def chosen(sampler: Learned, contexts: Contexts) -> Any:
    """Return what a policy without state chooses at each position: a chain, leaves `[N]`."""

    def here(at):
        seen = sampler.through(Row.of(at.logits), None, at.hidden)[1][1]
        return sampler.policy(seen)

    return jax.tree.map(lambda leaf: leaf[:, 0], by_unit(jax.vmap(here), contexts))


@jax.jit
def temperatures(sampler: Learned, contexts: Contexts) -> jax.Array:
    """Return the temperature a sampler that does nothing else has at each position, `[N]`."""

    def here(at):
        spread = lambda z: z.max() - z.min()  # noqa: E731
        return spread(at.logits) / spread(sampler(at.logits, None, at.hidden))

    return by_unit(jax.vmap(here), contexts)[:, 0]


def weights(sampler: Learned) -> int:
    """Return how many numbers a policy learned."""
    return int(sum(np.size(leaf) for leaf in jax.tree.leaves(sampler.params)))


@functools.cache
def adam(rate: float, steps: int) -> optax.GradientTransformation:
    """Return Adam at a rate that falls to 0 along a cosine."""
    # One object for the same arguments, as `fit` compiles for it.
    return optax.adam(optax.cosine_decay_schedule(rate, steps))


@functools.cache
def _apart(objective):
    def every(sampler, batch, key, model, params):
        count = len(jax.tree.leaves(sampler.params)[0])
        parts = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), batch)

        def one(leaves, part, key):
            return objective(sampler.replace(params=leaves), part, key, model, params)

        keys = jax.random.split(key, count)
        total, number = jax.vmap(one)(sampler.params, parts, keys)
        return total.sum(), number[0]

    return every
