"""All arms and rungs of one world, and how they differ."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxsample import EntropyTemperature, TopP, chain
from jaxsample.study import holm

from .best_temperature import COLDEST, HOTTEST, ideal_temperatures
from .contexts import World, divergence_at
from .grids import FAMILIES, Scores, best_of, refined, scores
from .inference import median_interval
from .ladder import temperatures, weights
from .positions import left_by
from .protocol import settings
from .toys import EDT
from .trial import Trial

POINTS = 1500
"""Positions whose temperatures are kept for the picture."""

ORACLES = ("fixed", "edt")
"""Families that are tuned on the test set as well."""


def measure(
    world: World,
    protocol: dict[str, Any],
    quick: bool,
    step: Callable[[str], None],
    oracle: bool = True,
) -> tuple[dict[str, Any], Trial]:
    """Run every arm in a world; return its part of results.json, and the trial.

    Args:
        world: the world.
        protocol: the whole protocol.
        quick: fewer seeds, configurations, rungs and steps.
        step: a function that is called with a description of each piece of work.
        oracle: whether there is a best temperature per position. There is none if the truth is only
            the observed token.
    """
    begun = time.perf_counter()
    trial = Trial(world, protocol, quick)
    step(f"{world.name}: grids")
    _known(trial, oracle)
    curves = _tuned(trial)
    step(f"{world.name}: learned")
    curves["learned"] = _learned(trial)
    of_quick = protocol["learned"]["quick_rungs"].get(world.name, [])
    for name in of_quick if quick else protocol["rungs"]:
        rung = protocol["rungs"][name]
        if name not in trial.notes and world.name in rung.get("worlds", [world.name]):
            step(f"{world.name}: {name}")
            _rung(trial, name, trial.notes["learned"]["config"])
    return _report(trial, curves) | {"seconds": time.perf_counter() - begun}, trial


def _known(trial, oracle):
    """Add the arms without settings to tune."""
    test, contexts = trial.test, trial.test.contexts
    trial.add("plain", left_by(chain(), test), {"config": None})
    if not oracle:
        return
    best = ideal_temperatures(contexts)
    left = np.asarray(divergence_at(best, contexts))[:, 0]
    trial.add("oracle", left, {"config": "the best temperature at every position"})
    if test.ideal is not None:
        ideal = jnp.asarray(test.ideal)[:, None]
        notes = {"config": "the temperatures known in closed form"}
        trial.add("ideal", np.asarray(divergence_at(ideal, contexts))[:, 0], notes)
    if trial.world.name == "edt":
        notes = {"config": {"t0": EDT[0], "theta": EDT[1]}}
        trial.add("edt_true", left_by(EntropyTemperature(*EDT), test), notes)
    if trial.world.interval is not None:
        middle = sum(trial.world.interval) / 2
        trial.add("exact_top_p", left_by(TopP(middle), test), {"config": {"p": middle}})


def _tuned(trial):
    """Add the families with settings; return the curves of the best of n."""
    curves = {}
    for family, grid in trial.protocol["grids"].items():
        tried = settings(grid)
        found = scores(family, tried, trial.tuning, trial.test)
        trial.add(family, *_best(trial, family, tried, found.tuning, "train and val"))
        if family in ORACLES:
            trial.add(f"{family}_oracle", *_best(trial, family, tried, found.test, "test"))
            curves[family] = best_of(found)
    return curves


def _best(trial, family, tried, by, tuned_on):
    """Return the KL of the best setting on the test set, and its notes."""
    setting = tried[int(np.argmin(by))]
    left = left_by(FAMILIES[family](**setting), trial.test)
    if tuned_on == "test":
        others = [refined(family, setting, trial.test)]
        if family == "edt":
            # EDT with theta = 0 is a fixed temperature, so its best is never worse than theirs.
            fixed = trial.notes["fixed_oracle"]["config"]
            others.append({"t0": fixed["temperature"], "theta": 0.0, "p": fixed["p"]})
        for other in others:
            found = left_by(FAMILIES[family](**other), trial.test)
            if found.mean() < left.mean():
                setting, left = other, found
    notes = {
        "config": setting,
        "tuned_on": tuned_on,
        "settings": len(tried),
        "infinite": int(np.sum(~np.isfinite(by))),
    }
    return left, notes


def _learned(trial):
    """Train the learned arm in every configuration, keep the one that is best on val."""
    learned = trial.protocol["learned"]
    name = learned["worlds"].get(trial.world.name, learned["rung"])
    tried = learned["configurations"][: 1 if trial.quick else None]
    outcomes = []
    for configuration in tried:
        begun = time.perf_counter()
        samplers = trial.trained(name, **configuration)
        seconds = (time.perf_counter() - begun) / len(samplers)
        on_val = float(np.mean([left_by(sampler, trial.val).mean() for sampler in samplers]))
        on_test = [left_by(sampler, trial.test) for sampler in samplers]
        outcomes.append((on_val, samplers, on_test, configuration, seconds))
    _, samplers, on_test, configuration, seconds = min(outcomes, key=lambda outcome: outcome[0])
    trial.samplers[name] = samplers
    notes = {
        "config": configuration,
        "rung": name,
        "tuned_on": "val",
        "settings": len(tried),
        "parameters": weights(samplers[0]),
        "seconds_per_seed": seconds,
    }
    trial.add("learned", on_test, notes)
    trial.add(name, on_test, notes)
    values = np.array([outcome[0] for outcome in outcomes])
    test = np.array([np.mean(outcome[2]) for outcome in outcomes])
    return best_of(Scores(tried, values, test))


def _rung(trial, name, configuration):
    changes = dict(configuration)
    if trial.protocol["rungs"][name]["per"] == "corpus":
        changes |= trial.protocol["training"]["constants"]
    samplers = trial.samplers[name] = trial.trained(name, **changes)
    on_test = [left_by(sampler, trial.test) for sampler in samplers]
    trial.add(name, on_test, {"parameters": weights(samplers[0])})


def _report(trial, curves):
    """Collect a world's numbers for results.json."""
    primary = trial.protocol["endpoints"]["against"]
    differences = {name: trial.contrast("learned", other) for name, other in primary.items()}
    tested = [name for name in differences if differences[name]["p"] is not None]
    for name, p in zip(tested, holm([differences[n]["p"] for n in tested]), strict=True):
        differences[name]["p_holm"] = float(p)
    for other in ("plain", "fixed", "edt"):
        differences[f"learned_minus_{other}" + "_tuned" * (other != "plain")] = trial.contrast(
            "learned", other
        )
    arms = {name: trial.summary(name) for name in trial.notes}
    rungs = {name: arms.pop(name) for name in trial.protocol["rungs"] if name in arms}
    return arms | {
        "rungs": rungs,
        "differences": differences,
        "recovered": {of: trial.recovered(of) for of in ("oracle", "ideal") if of in trial.arms},
        "best_of": curves,
        "temperatures": _temperatures(trial) if "oracle" in arms else None,
        "units": {part: len(getattr(trial, part).sizes) for part in ("train", "val", "test")},
        "tokens": len(trial.test.unit),
    }


def _temperatures(trial):
    """Compare the learned temperature with the best one at every position of the test set."""
    learned = trial.notes["learned"]["rung"]
    if trial.protocol["rungs"][learned]["head"] != "temperature":
        return None
    contexts, kinds = trial.test.contexts, trial.test.kinds
    found = np.stack([np.asarray(temperatures(s, contexts)) for s in trial.samplers[learned]])
    best = np.asarray(ideal_temperatures(contexts))[:, 0]
    # Where the optimum lies beyond an end of the range there is no best temperature.
    inside = (best > 1.01 * COLDEST) & (best < 0.99 * HOTTEST)
    seed = trial.protocol["statistics"]["seed"] + 2
    by_kind = {}
    for i, kind in enumerate(trial.world.kinds):
        here = (kinds == i) & inside
        if not here.any():
            continue
        off = np.abs(np.log(found[:, here] / best[here]))
        by_kind[kind] = {
            "learned": float(np.median(found[:, here])),
            "ideal": float(np.median(best[here])),
            "off": float(np.median(off)),
            "off_ci": median_interval(off, trial.test.unit[here], seed),
        }
    (index,) = np.nonzero(inside)
    index = index[np.linspace(0, len(index) - 1, min(POINTS, len(index))).astype(int)]
    points = {
        "ideal": best[index].tolist(),
        "learned": found[0, index].tolist(),
        "kind": kinds[index].tolist(),
    }
    return {"kinds": by_kind, "points": points}
