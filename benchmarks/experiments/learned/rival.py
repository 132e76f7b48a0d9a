"""An alternative to a policy: the model itself, fine-tuned on the same stories."""

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

from .contexts import Contexts, said
from .positions import left_by, positions
from .trial import Trial


def rival(trial: Trial) -> dict[str, Any]:
    """Fine-tune every weight on the training stories and their exact truth, and score the model.

    Returns:
        its KL with interval, its cost, the cost of the policy, and learned - rival.
    """
    plan, world = trial.protocol["rival"], trial.world
    epochs = plan["quick_epochs" if trial.quick else "epochs"]
    checkpoint = jaxsample_models.embedded()
    begun = time.perf_counter()
    params, steps = _tuned(checkpoint, world.train, plan, epochs)
    seconds = time.perf_counter() - begun
    tuned = checkpoint._replace(params=params)
    logits, _ = said(tuned, np.asarray(world.test.tokens), BOS)
    part = positions(world._replace(test=world.test._replace(logits=logits)), "test")
    notes = {
        "config": {**plan, "epochs": epochs},
        "steps": steps,
        "parameters": int(sum(np.size(x) for x in jax.tree.leaves(params))),
        "seconds": seconds,
        "policy": {k: trial.notes["learned"][k] for k in ("parameters", "seconds_per_seed")},
    }
    trial.add("rival", left_by(chain(), part), notes)
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
        before = jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=BOS)
        logprobs = jax.nn.log_softmax(model.unembed(model(before)[0]))
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
