"""Quality against diversity, both exact: stories of one style, from a leaky model of another.

The model is the grammar of style 1 with a little mass on tokens that cannot follow. The truth is
another style. A sampler depends on the state of the grammar alone, so the share of
grammatical stories, the entropy and the kernel score are exact sums. They are finite for filters
too, whose KL is infinite. A policy sees the distribution and the kind of slot it is at.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import softmax

from jaxsample.learn import Learned
from jaxsample_models.stories import KINDS, Grammar

from .contexts import single, streamed
from .exact import Totals, totals
from .grids import FAMILIES
from .ladder import train, untrained
from .laws import Law, by_kind, law, sampled, smoothed


def front(protocol: dict[str, Any], quick: bool, step: Callable[[str], None]) -> dict[str, Any]:
    """Return the curves of the tuned families, and the point of each seed of a policy.

    Returns:
        under "curves" by name the points of each; under "best_kernel" the highest kernel score of
        each family; under "learned" by rung the point of each seed, and its comparison with the
        best curve of each family at the same entropy.
    """
    plan = protocol["front"]
    told, target = Grammar(), Grammar(plan["style"])
    leaky = smoothed(plan["leak"])

    def point(law_: Law) -> dict[str, float]:
        return _told(totals(target, law_))

    step("front: curves")
    curves = {}
    heats = plan["quick_heats" if quick else "heats"]
    for p in plan["quick_p" if quick else "p"]:
        for family, settings in (
            ("fixed", [{"temperature": heat, "p": p} for heat in heats]),
            ("edt", [{"t0": heat, "theta": plan["theta"], "p": p} for heat in heats]),
        ):
            points = [point(law(told, leaky, sampled(FAMILIES[family](**s)))) | s for s in settings]
            curves[f"{family}, p = {p:g}"] = points
    contexts = _contexts(told, target, law(told, leaky), plan["stories"])
    seeds = protocol["seeds"]["quick" if quick else "full"]
    learned = {}
    for name in plan["rungs"]:
        step(f"front: {name}")
        samplers = _trained(protocol, name, contexts, seeds, quick)
        points = [
            point(by_kind(told, {kind: law(told, leaky, _through(s, kind)) for kind in KINDS}))
            for s in samplers
        ]
        learned[name] = {
            "points": points,
            "matched": {
                family: [_matched(at, curves, family) for at in points]
                for family in ("fixed", "edt")
            },
        }
    best = {
        family: max(p["kernel"] for n, line in curves.items() if n.startswith(family) for p in line)
        for family in ("fixed", "edt")
    }
    truth = point(law(target))
    return {"curves": curves, "best_kernel": best, "learned": learned, "truth": truth}


def _told(found: Totals) -> dict[str, float]:
    return {
        "grammatical": found.grammatical,
        "entropy": found.entropy,
        "kernel": found.kernel,
        "facts": found.facts,
        "kl": found.divergence,
    }


def _matched(at, curves, family):
    """Compare a point with a family's best curve at the same entropy.

    Returns:
        the family's share of grammatical stories, and how much more the point has; None where no
        curve reaches that entropy.
    """
    best = None
    for name, points in curves.items():
        if not name.startswith(family):
            continue
        for a, b in zip(points, points[1:], strict=False):
            low, high = sorted((a, b), key=lambda x: x["entropy"])
            if not low["entropy"] <= at["entropy"] <= high["entropy"]:
                continue
            share = (at["entropy"] - low["entropy"]) / (high["entropy"] - low["entropy"])
            mixed = (1 - share) * low["grammatical"] + share * high["grammatical"]
            best = mixed if best is None else max(best, mixed)
    if best is None:
        return None
    return {"grammatical": best, "more": at["grammatical"] - best}


def _contexts(told, target, model, stories):
    """Return the states that stories of the target reach."""
    rng = np.random.default_rng(0)
    rows: dict[str, list] = {"logits": [], "truth": [], "token": [], "kind": []}
    for _ in range(stories):
        for state, token in target.tell(rng):
            rows["logits"].append(np.log(model(state)))
            rows["truth"].append(target.next_probs(state))
            rows["token"].append(token)
            rows["kind"].append(KINDS.index(target.kind(state)))
    kinds = np.asarray(rows["kind"])
    hidden = jax.nn.one_hot(kinds, len(KINDS))
    return single(
        np.stack(rows["logits"]), hidden, np.stack(rows["truth"]), np.asarray(rows["token"]), kinds
    )


def _trained(protocol, name, contexts, seeds, quick):
    training = protocol["training"]["quick_stories" if quick else "stories"]
    first = protocol["learned"]["configurations"][0]
    return train(
        untrained(protocol, name, first["width"], len(KINDS), seeds),
        functools.partial(streamed, contexts),
        protocol["data"]["seed"],
        rate=first["rate"],
        **training,
    )


def _through(sampler: Learned, kind: str):
    hidden = jax.nn.one_hot(KINDS.index(kind), len(KINDS))

    def change(probs):
        logits = jnp.asarray(np.log(probs), jnp.float32)
        # In float32 the sums would depend on the place of a word, and equal words would differ.
        return softmax(np.asarray(_applied(sampler, logits, hidden), np.float64))

    return change


@jax.jit
def _applied(sampler, logits, hidden):
    return sampler(logits, None, hidden)
