"""Three ways of training in the crossed world that end somewhere else, and one that does not.

- AutoDeco's weighting, whose optimum is T* / (1 + T*).
- Policy gradient on the kernel score with the usual baseline, the mean of the others' rewards: a
  reward holds its sample's likeness to the others, so the baseline depends on the sample.
- The same with a baseline of pairs without the sample, which is unbiased.

And one p for all contexts of the smoothed world, trained as a soft filter.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Model, ModelOutput, TopP
from jaxsample.learn import (
    Credit,
    Examples,
    Group,
    KernelScore,
    PolicyGradient,
    exact_match,
    fit,
)
from jaxsample.learn._credit import likeness

from .biased import OBJECTIVES
from .contexts import Contexts
from .inference import interval
from .ladder import adam, chosen, labels, temperatures, train, untrained
from .positions import left_by
from .trial import Trial

WEIGHTING = "base probability"


def others_mean(group: Group) -> Credit:
    """Credit as `KernelScore` does, less the mean of the others' rewards, which is biased."""
    match, gram = likeness(exact_match, group)
    count = match.shape[0]
    credit = 2.0 * match - 2.0 * jnp.sum(gram, axis=1) / (count - 1)
    value = 2.0 * jnp.mean(match) - jnp.sum(gram) / (count * (count - 1))
    return Credit(credit - (jnp.sum(credit) - credit) / (count - 1), value)


CREDITS = {"biased": others_mean, "right": KernelScore(exact_match)}


def weighting(trial: Trial) -> dict[str, Any]:
    """Train with AutoDeco's weights; compare the temperatures with T* / (1 + T*), class by class.

    Returns:
        by class the median T, the median of T* / (1 + T*), and the median of their ratio with its
        interval.
    """
    schedule = trial.schedule
    samplers = train(
        _starts(trial),
        labels(trial.train.contexts, schedule["batch"] * len(trial.seeds)),
        jax.random.key(trial.protocol["data"]["seed"]),
        steps=schedule["steps"],
        rate=trial.told["learned"]["config"]["rate"],
        batch=schedule["batch"],
        objective=OBJECTIVES[WEIGHTING],
    )
    trial.add("weighted", [left_by(s, trial.test) for s in samplers], {"config": WEIGHTING})
    found = np.stack([np.asarray(temperatures(s, trial.test.contexts)) for s in samplers])
    assert trial.test.ideal is not None
    wanted = trial.test.ideal / (1 + trial.test.ideal)
    classes = {}
    rng = np.random.default_rng(trial.protocol["statistics"]["seed"])
    for i, kind in enumerate(trial.world.kinds):
        here = trial.test.kinds == i
        ratio = found[:, here] / wanted[here]
        units = rng.integers(0, ratio.shape[1], (2000, ratio.shape[1]))
        middle = ratio.mean(axis=0)
        classes[kind] = {
            "learned": float(np.median(found[:, here])),
            "predicted": float(np.median(wanted[here])),
            "ratio": float(np.median(ratio)),
            "ci": interval(np.median(middle[units], axis=1)),
        }
    return classes


def gradients(trial: Trial) -> dict[str, Any]:
    """Train by policy gradient from plain sampling, with either baseline: KL with interval."""
    plan = trial.protocol["policy_gradient"]
    steps = plan["quick_steps" if trial.quick else "steps"]
    model = Model(_cache, _apply)
    contexts = trial.train.contexts
    params = contexts.logits[:, 0], contexts.hidden[:, 0]
    for name, credit in CREDITS.items():
        samplers = train(
            _starts(trial),
            _prompts(contexts, plan["batch"] * len(trial.seeds)),
            jax.random.key(trial.protocol["data"]["seed"]),
            steps=steps,
            rate=plan["rate"],
            batch=plan["batch"],
            objective=PolicyGradient(credit, plan["samples"], 1),
            model=model,
            params=params,
        )
        left = [left_by(s, trial.test) for s in samplers]
        trial.add(f"policy_gradient_{name}", left, {"config": plan, "steps": steps})
    return {name: trial.summary(f"policy_gradient_{name}") for name in CREDITS}


def one_p(trial: Trial) -> dict[str, Any]:
    """Train one soft p for all contexts, and hold it to the interval in which TopP is exact."""
    assert trial.world.interval is not None
    plan = trial.protocol["top_p"]
    low, high = trial.world.interval
    draw = labels(trial.train.contexts, plan["batch"])
    found = []
    for seed in trial.seeds:
        key = jax.random.fold_in(jax.random.key(trial.protocol["data"]["seed"]), seed)
        fitted = fit(
            TopP(plan["start"]),
            None,
            None,
            draw,
            key=key,
            steps=plan["steps"],
            optimizer=adam(plan["rate"], plan["steps"]),
        )
        found.append(fitted.sampler)
    p = [float(sampler.p) for sampler in found]
    trial.add("top_p_trained", [left_by(s, trial.test) for s in found], {"config": {"p": p}})
    off = [max(low - x, x - high, 0.0) for x in p]
    return {"interval": [low, high], "p": p, "off": off, **trial.summary("top_p_trained")}


def nucleus(trial: Trial) -> dict[str, Any]:
    """Tell what the nucleus policy chose; its p need not be the exact one, as min-p filters too."""
    assert trial.world.interval is not None
    low, high = trial.world.interval
    contexts = trial.test.contexts
    found = [chosen(s, contexts) for s in trial.samplers["nucleus_hidden"]]
    temperature, p, least = (
        np.stack([np.asarray(getattr(chain_[i], name)) for chain_ in found])
        for i, name in enumerate(("value", "p", "p"))
    )
    return {
        "interval": [low, high],
        "inside": float(np.mean((p > low) & (p <= high))),
        "p": {"least": float(p.min()), "median": float(np.median(p)), "most": float(p.max())},
        "temperature": [float(x) for x in np.quantile(temperature, (0.0, 0.5, 1.0))],
        "min_p": [float(x) for x in np.quantile(least, (0.0, 0.5, 1.0))],
    }


def _starts(trial):
    protocol = trial.protocol
    rung = protocol["rungs"][protocol["learned"]["rung"]]
    width = trial.told["learned"]["config"]["width"]
    hidden_size = trial.train.contexts.hidden.shape[-1]
    features = protocol["learned"]["features"]
    return [untrained(rung, width, features, hidden_size, seed) for seed in trial.seeds]


def _prompts(contexts: Contexts, count: int):
    """Return key -> contexts as prompts of one token, their number, and a token of the truth."""
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
