"""The obvious rival of a policy: the model itself, trained on the same stories."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxsample_models
from jaxsample import chain
from jaxsample_models.stories import BOS

from .contexts import Contexts
from .positions import left_by, positions
from .stories import BATCH
from .trial import Trial


def rival(trial: Trial) -> dict[str, Any]:
    """Fine-tune every weight on the training stories, exact truth, and score it as the arms are.

    Returns:
        its KL with interval, what it cost, what the policy cost, and learned - rival.
    """
    plan, world = trial.protocol["rival"], trial.world
    epochs = plan["quick_epochs" if trial.quick else "epochs"]
    checkpoint = jaxsample_models.embedded()
    begun = time.perf_counter()
    params, steps = _tuned(checkpoint, world.train, plan, epochs)
    seconds = time.perf_counter() - begun
    logits = _logits(checkpoint.config, params, world.test)
    part = positions(world._replace(test=world.test._replace(logits=logits)), "test")
    told = {
        "config": {**plan, "epochs": epochs},
        "steps": steps,
        "parameters": int(sum(np.size(x) for x in jax.tree.leaves(params))),
        "seconds": seconds,
        "policy": {k: trial.told["learned"][k] for k in ("parameters", "seconds_per_seed")},
    }
    trial.add("rival", left_by(chain(), part), told)
    return trial.summary("rival") | {"learned_minus_rival": trial.contrast("learned", "rival")}


def _tuned(checkpoint, contexts: Contexts, plan, epochs):
    rows, count = plan["rows"], len(contexts.tokens) // plan["rows"]
    steps = count * epochs
    adam = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(optax.cosine_decay_schedule(plan["rate"], steps), b2=0.99),
    )

    def divergence(params, tokens, truth, live):
        model = jaxsample_models.bind(checkpoint.config, params)
        logprobs = jax.nn.log_softmax(model.unembed(model(_shifted(tokens))[0]))
        apart = jnp.where(truth > 0, truth * (jnp.log(truth) - logprobs), 0.0).sum(axis=-1)
        return jnp.sum(jnp.where(live, apart, 0.0)) / live.sum()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, index):
        some = contexts.tokens[index], contexts.truth[index], contexts.live[index]
        updates, state = adam.update(jax.grad(divergence)(params, *some), state, params)
        return optax.apply_updates(params, updates), state

    params = jax.tree.map(jnp.array, checkpoint.params)
    state = adam.init(params)
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for index in rng.permutation(len(contexts.tokens))[: count * rows].reshape(count, rows):
            params, state = step(params, state, index)
    return jax.block_until_ready(params), steps


def _logits(config, params, contexts: Contexts):
    @jax.jit
    def read(tokens):
        model = jaxsample_models.bind(config, params)
        return model.unembed(model(_shifted(tokens))[0]).astype(jnp.float32)

    tokens = np.asarray(contexts.tokens)
    padded = np.pad(tokens, ((0, -len(tokens) % BATCH), (0, 0)))
    parts = [read(some) for some in padded.reshape(-1, BATCH, tokens.shape[1])]
    return jnp.concatenate(parts)[: len(tokens)]


def _shifted(tokens):
    """Return what the model reads before each token."""
    return jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=BOS)
