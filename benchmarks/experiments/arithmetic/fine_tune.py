"""The rival of a policy: the model, trained by the same rewards on the same number of texts."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.experiments.learned.ladder import adam
from jaxsample import chain, generate
from jaxsample.learn import Examples, Group, PassAtK, logprobs
from jaxsample_models.arithmetic import EOS, right

from .measures import at_all
from .policies import LENGTH, schedule
from .world import World, part, rows, solved


def fine_tuned(
    ks: list[int], world: World, protocol: dict[str, Any], quick: bool
) -> dict[str, Any]:
    """Train all weights for every seed; return the probability that each test sum is solved.

    Arguments as `learned` takes them.
    """
    seeds = protocol["seeds"]["quick" if quick else "full"]
    rates = protocol["training"]["fine_tune_rates"][: 1 if quick else None]
    plan = schedule(protocol, quick)
    credit = PassAtK(right, tuple(ks))

    def after(params, sums):
        return solved(chain(), part(world.checkpoint._replace(params=params), sums))

    first = {rate: _trained(seeds[0], rate, credit, world, plan) for rate in rates}
    on_val = {
        rate: at_all(after(params, world.val.sums).right, ks) for rate, params in first.items()
    }
    rate = max(on_val, key=lambda rate: on_val[rate])
    tuned = [first[rate], *(_trained(seed, rate, credit, world, plan) for seed in seeds[1:])]
    return {
        "config": {"ks": ks, "rate": rate},
        "on_val": {str(rate): value for rate, value in on_val.items()},
        "texts": plan["steps"] * plan["sums"] * plan["samples"],
        "parameters": int(sum(np.size(x) for x in jax.tree.leaves(tuned[0]))),
    } | rows([after(params, world.test.sums) for params in tuned])


def _trained(seed, rate, credit, world, plan):
    """Return the parameters after REINFORCE on texts that the model in training draws."""
    key, optimizer = jax.random.key(seed), adam(rate, plan["steps"])
    params = jax.tree.map(jnp.array, world.checkpoint.params)
    state = optimizer.init(params)
    data = world.train.checked()
    for step in range(plan["steps"]):
        index = jax.random.permutation(jax.random.fold_in(key, 2 * step), len(data.tokens))
        batch = data[np.asarray(index[: plan["sums"]])]
        params, state = _step(
            world.checkpoint.model,
            credit,
            optimizer,
            plan["samples"],
            params,
            state,
            batch,
            jax.random.fold_in(key, 2 * step + 1),
        )
    return params


@partial(jax.jit, static_argnums=(0, 1, 2, 3), donate_argnums=(4, 5))
def _step(model, credit, optimizer, samples, params, state, batch, key):
    prompts = jnp.asarray(batch.prompts)
    drawn = generate(
        key,
        model,
        params,
        prompts,
        chain(),
        max_new_tokens=LENGTH,
        eos=EOS,
        samples=samples,
        record=(),
    )
    given = (jnp.asarray(x) for x in (batch.tokens, batch.token_lengths, prompts, batch.lengths))
    advantages = jax.vmap(credit)(Group(drawn.tokens, drawn.lengths, *given)).advantages.reshape(-1)
    texts = Examples(
        drawn.tokens.reshape(-1, LENGTH),
        drawn.lengths.reshape(-1),
        jnp.repeat(prompts, samples, axis=0),
        jnp.repeat(jnp.asarray(batch.lengths), samples),
    )
    live = jnp.arange(LENGTH) < texts.token_lengths[:, None]

    def loss(params):
        logs = jnp.where(live, logprobs(chain(), texts, model, params), 0.0)
        return -jnp.mean(advantages * jnp.sum(logs, axis=1))

    updates, state = optimizer.update(jax.grad(loss)(params), state, params)
    return jax.tree.map(jnp.add, params, updates), state
