"""Quality against diversity, both exact: stories of one style told from a leaky model of another.

The model is the grammar of style 1 with a little mass on tokens that can not follow; the truth is
another style. What a sampler tells then depends on the state of the grammar alone, so that the
share of stories that are stories, the entropy and the kernel score are exact sums, also for
filters, whose KL is infinite. A policy sees the distribution and which kind of slot it is at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import softmax

from jaxsample.learn import Learned
from jaxsample_models.stories import KINDS, Grammar

from .contexts import Contexts
from .exact import Totals, totals
from .grids import FAMILIES
from .ladder import labels, train, untrained
from .laws import Law, by_kind, law, sampled, smoothed


def front(protocol: dict[str, Any], quick: bool, step: Callable[[str], None]) -> dict[str, Any]:
    """Return the curves of the tuned families, and where each seed of a policy lies.

    Returns:
        under "curves" by name the points of each; under "best_kernel" the highest kernel score a
        family's curves reach; under "learned" by rung the point of each seed, and how it compares
        with the best curve of a family at the same entropy.
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
    """Compare a point with the best that a family's curves have at its entropy.

    Returns:
        the family's share of stories there and the point's less that one; None where no curve
        reaches that entropy.
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
    """Return the states that stories of the target reach, `[N, 1, ..]`."""
    rng = np.random.default_rng(0)
    rows: dict[str, list] = {"logits": [], "truth": [], "token": [], "kind": []}
    for _ in range(stories):
        for state, token in target.tell(rng):
            rows["logits"].append(np.log(model(state)))
            rows["truth"].append(target.next_probs(state))
            rows["token"].append(token)
            rows["kind"].append(KINDS.index(target.kind(state)))
    kinds = jnp.asarray(rows["kind"], jnp.int8)[:, None]
    return Contexts(
        jnp.asarray(np.stack(rows["logits"]), jnp.float32)[:, None],
        jax.nn.one_hot(kinds, len(KINDS)),
        jnp.asarray(np.stack(rows["truth"]), jnp.float32)[:, None],
        jnp.asarray(rows["token"], jnp.int32)[:, None],
        jnp.ones(kinds.shape, bool),
        kinds,
    )


def _trained(protocol, name, contexts, seeds, quick):
    training = protocol["training"]["quick_stories" if quick else "stories"]
    learned = protocol["learned"]
    configuration = learned["configurations"][0]
    starts = [
        untrained(
            protocol["rungs"][name],
            configuration["width"],
            learned["features"],
            len(KINDS),
            seed,
        )
        for seed in seeds
    ]
    return train(
        starts,
        labels(contexts, training["batch"] * len(seeds)),
        jax.random.key(protocol["data"]["seed"]),
        steps=training["steps"],
        rate=configuration["rate"],
        batch=training["batch"],
    )


def _through(sampler: Learned, kind: str):
    hidden = jax.nn.one_hot(KINDS.index(kind), len(KINDS))

    def change(probs):
        logits = jnp.asarray(np.log(probs), jnp.float32)
        # Normalised in double precision, else equal words differ by the place they stand in.
        return softmax(np.asarray(_applied(sampler, logits, hidden), np.float64))

    return change


@jax.jit
def _applied(sampler, logits, hidden):
    return sampler(logits, None, hidden)
