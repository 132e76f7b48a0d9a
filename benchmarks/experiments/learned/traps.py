"""Ways of training with a wrong optimum, compared with ways that are right.

In the crossed world:

- AutoDeco's weighting, whose optimum is T* / (1 + T*).
- Policy gradient on the kernel score with the mean of the other samples' rewards as baseline. A
  reward holds its sample's likeness to the others, so this baseline depends on the sample and
  biases the gradient.
- Policy gradient with the baseline of `KernelScore`, pairs without the sample, which is unbiased.

In the smoothed world, one p for all contexts, trained as a soft filter.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Model, ModelOutput, TopP
from jaxsample.learn import (
    Examples,
    Group,
    KernelScore,
    PolicyGradient,
    Rewards,
    exact_match,
    fit,
)

from .biased import OBJECTIVES
from .contexts import Contexts, streamed
from .inference import median_interval
from .ladder import adam, keeps_the_truth, temperatures
from .positions import left_by
from .trial import Trial

WEIGHTING = "base probability"


def score(group: Group) -> jax.Array:
    """Reward each sample with twice its match less twice its mean likeness to the others."""
    alike = jax.vmap(exact_match, (0, 0, None, None))
    match = alike(group.tokens, group.lengths, group.reference, group.reference_length)
    pairs = jax.vmap(lambda text, length: alike(group.tokens, group.lengths, text, length))
    others = pairs(group.tokens, group.lengths).sum(axis=1) - 1  # every sample matches itself
    return 2.0 * match - 2.0 * others / (len(match) - 1)


CREDITS = {"biased": Rewards(score), "right": KernelScore(exact_match)}


def weighting(trial: Trial) -> dict[str, Any]:
    """Train with AutoDeco's weights; compare the temperatures with T* / (1 + T*).

    Returns:
        for each class the median T, the median of T* / (1 + T*), and the median of their ratio
        with its interval.
    """
    objective = OBJECTIVES[WEIGHTING]
    samplers = trial.trained(_rung(trial), **trial.notes["learned"]["config"], objective=objective)
    trial.add("weighted", [left_by(s, trial.test) for s in samplers], {"config": WEIGHTING})
    found = np.stack([np.asarray(temperatures(s, trial.test.contexts)) for s in samplers])
    assert trial.test.ideal is not None
    wanted = trial.test.ideal / (1 + trial.test.ideal)
    seed = trial.protocol["statistics"]["seed"]
    classes = {}
    for i, kind in enumerate(trial.world.kinds):
        here = trial.test.kinds == i
        ratio = found[:, here] / wanted[here]
        classes[kind] = {
            "learned": float(np.median(found[:, here])),
            "predicted": float(np.median(wanted[here])),
            "ratio": float(np.median(ratio)),
            "ci": median_interval(ratio, trial.test.unit[here], seed),
        }
    return classes


def gradients(trial: Trial) -> dict[str, Any]:
    """Train by policy gradient from plain sampling, with either baseline: KL with interval."""
    plan = trial.protocol["policy_gradient"]
    steps = plan["quick_steps" if trial.quick else "steps"]
    contexts = trial.train.contexts
    for name, credit in CREDITS.items():
        samplers = trial.trained(
            _rung(trial),
            trial.notes["learned"]["config"]["width"],
            functools.partial(_prompts, contexts),
            steps=steps,
            rate=plan["rate"],
            batch=plan["batch"],
            objective=PolicyGradient(credit, plan["samples"], 1),
            model=Model(_cache, _apply),
            params=(contexts.logits[:, 0], contexts.hidden[:, 0]),
        )
        left = [left_by(s, trial.test) for s in samplers]
        trial.add(f"policy_gradient_{name}", left, {"config": plan, "steps": steps})
    return {name: trial.summary(f"policy_gradient_{name}") for name in CREDITS}


def one_p(trial: Trial) -> dict[str, Any]:
    """Train one soft p for all contexts, and compare it with the interval where TopP is exact."""
    assert trial.world.interval is not None
    plan = trial.protocol["top_p"]
    low, high = trial.world.interval
    draw = streamed(trial.train.contexts, plan["batch"])
    found = []
    for seed in trial.seeds:
        key = jax.random.fold_in(jax.random.key(trial.protocol["data"]["seed"]), seed)
        optimizer = adam(plan["rate"], plan["steps"])
        start = TopP(plan["start"])
        fitted = fit(key, start, None, None, draw, steps=plan["steps"], optimizer=optimizer)
        found.append(fitted.sampler)
    p = [float(sampler.p) for sampler in found]
    trial.add("top_p_trained", [left_by(s, trial.test) for s in found], {"config": {"p": p}})
    off = [max(low - x, x - high, 0.0) for x in p]
    return {"interval": [low, high], "p": p, "off": off, **trial.summary("top_p_trained")}


def nucleus(trial: Trial) -> dict[str, Any]:
    """Return the share of positions where the nucleus policy keeps exactly the truth's tokens."""
    contexts = trial.test.contexts
    exact = [keeps_the_truth(s, contexts).mean() for s in trial.samplers["nucleus_hidden"]]
    return {"exact": [float(share) for share in exact]}


def _rung(trial):
    return trial.protocol["learned"]["rung"]


def _prompts(contexts: Contexts, count: int):
    """Return a function of a key: contexts as one-token prompts (their index), and true tokens."""
    truth = jnp.log(contexts.truth[:, 0])

    def draw(key):
        choice, label = jax.random.split(key)
        which = jax.random.randint(choice, (count,), 0, len(truth))
        tokens = jax.random.categorical(label, truth[which]).astype(jnp.int32)
        return Examples(tokens[:, None], prompts=which[:, None])

    return draw


def _apply(params, tokens, positions, cache):
    del positions
    return ModelOutput(params[0][tokens], params[1][tokens], cache)


def _cache(batch, max_length):
    del max_length
    return jnp.zeros((batch, 1))
