"""The rungs between one temperature for all tokens and a sampler for every token, trained.

All seeds of a rung train at once. Their parameters are stacked, each sees its own labels, and the
loss is the sum of their losses. Adam moves every weight by that weight's own gradients, so this
equals one separate run for each seed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxsample import Transform, partition, stack
from jaxsample.learn import Examples, Learned, Policy, cross_entropy, fit

from .contexts import Contexts, by_unit


def untrained(
    protocol: dict[str, Any], rung: str, width: int, hidden_size: int, seeds: Sequence[int]
) -> list[Learned]:
    """Return a rung's untrained policies, one for each seed; they sample as the model does."""
    plan = protocol["rungs"][rung]
    return [
        Learned(
            Policy(
                plan["head"],
                per=plan["per"],
                features=tuple(protocol["learned"]["features"]),
                hidden_size=hidden_size if plan.get("hidden") else 0,
                width=width,
                rngs=nnx.Rngs(seed),
            )
        )
        for seed in seeds
    ]


def train(
    samplers: Sequence[Learned],
    draw: Callable[[int], Callable[[jax.Array], Examples]],
    seed: int,
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
        samplers: one for each training seed.
        draw: from a number of examples to a function that draws so many from a key.
        seed: of the labels.
        steps, rate: of Adam; the rate falls to 0 along a cosine.
        batch: examples for each step and sampler.
        objective: as `fit` takes it.
        model, params: as `fit` takes them.
    """
    count = batch * len(samplers)
    found = fit(
        jax.random.key(seed),
        stack(list(samplers)),
        model,
        params,
        draw(count),
        steps=steps,
        batch_size=count,
        objective=_separate(objective),
        optimizer=adam(rate, steps),
        every=steps,
    ).sampler
    one = lambda i: jax.tree.map(lambda leaf: leaf[i], found.params)  # noqa: E731
    return [start.replace(params=one(i)) for i, start in enumerate(samplers)]


@jax.jit
def temperatures(sampler: Learned, contexts: Contexts) -> jax.Array:
    """Return the temperature of a sampler that does nothing else at each position, `[N]`."""

    def here(at):
        return jnp.ptp(at.logits) / jnp.ptp(sampler(at.logits, None, at.hidden))

    return by_unit(jax.vmap(here), contexts)[:, 0]


@jax.jit
def keeps_the_truth(sampler: Learned, contexts: Contexts) -> jax.Array:
    """Return at each position whether a sampler keeps exactly the tokens of the truth, `[N]`."""

    def here(at):
        return jnp.all((sampler(at.logits, None, at.hidden) > -jnp.inf) == (at.truth > 0))

    return by_unit(jax.vmap(here), contexts)[:, 0]


def weights(sampler: Transform) -> int:
    """Return how many numbers of a sampler train."""
    return int(sum(np.size(leaf) for leaf in jax.tree.leaves(partition(sampler)[0])))


@functools.cache
def adam(rate: float, steps: int) -> optax.GradientTransformation:
    """Return Adam at a rate that falls to 0 along a cosine."""
    # Cached because `fit` compiles for the identity of its optimizer.
    return optax.adam(optax.cosine_decay_schedule(rate, steps))


@functools.cache
def _separate(objective):
    """Return the objective of stacked samplers: the sum of each one's loss on its own examples."""

    def every(sampler, batch, key, model, params):
        count = len(jax.tree.leaves(sampler.params)[0])
        parts = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), batch)

        def one(leaves, part, key):
            return objective(sampler.replace(params=leaves), part, key, model, params)

        keys = jax.random.split(key, count)
        total, number = jax.vmap(one)(sampler.params, parts, keys)
        return total.sum(), number[0]

    return every
