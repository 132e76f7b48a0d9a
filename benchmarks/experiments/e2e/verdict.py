"""The arms on test prompts: means, paired differences, and the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsample import study

from ..learned.inference import sign_flip
from .arms import Rows, valued
from .world import World

TEXTS = "bleu", "rouge_l", "self_bleu", "length"
VALUES = "objective", "reward", "kl"

POLICY = "policy "
"""The beginning of the names of the arms that are policies; their seeds follow."""

Measured = dict[str, np.ndarray]
"""Values by measure, one for each prompt, `[I]`."""


def measured(rows: Rows, world: World, kl: float) -> dict[str, Measured]:
    """Measure each arm: the texts of a prompt make one value."""
    found = study.measure(rows, world.test)
    values = valued(rows, world, kl)
    place = {item.id: i for i, item in enumerate(world.test)}
    arms = np.asarray([row["setting"] for row in rows])
    items = np.asarray([place[row["item"]] for row in rows])
    return {
        arm: {name: _by_prompt(values[name][arms == arm], items[arms == arm]) for name in VALUES}
        | {name: found[arm][name] for name in TEXTS}
        for arm in found
    }


def compared(arms: dict[str, Measured], protocol: dict[str, Any]) -> dict[str, Any]:
    """Return the means of all arms, the policy minus each rival, and what was predicted.

    A difference is the mean over the seeds of the policy. Its interval is over prompts, and over
    seeds too if there are several.
    """
    plan, endpoints = protocol["statistics"], protocol["endpoints"]
    primary, differences = endpoints["primary"], {}
    seeds = [of for arm, of in arms.items() if arm.startswith(POLICY)]
    for rival in endpoints["against"]:
        for name in (*primary, *endpoints["secondary"]):
            apart = np.stack([of[name] - arms[rival][name] for of in seeds])
            differences[f"{name}_over_{rival}"] = _crossed(apart) | {
                "p": sign_flip(apart.mean(axis=0), plan["flips"], plan["seed"])
            }
    names = [f"{name}_over_{rival}" for name in primary for rival in endpoints["against"]]
    corrected = study.holm([differences[name]["p"] for name in names])
    for name, p in zip(names, corrected.tolist(), strict=True):
        differences[name]["p_holm"] = p
    return {
        "arms": {
            arm: {name: _said(study.mean(found.tolist())) for name, found in of.items()}
            for arm, of in arms.items()
        },
        "differences": differences,
        "predictions": {
            "objective_over_fixed": _above(differences["objective_over_fixed"], 0.0),
            "objective_over_edt": _above(differences["objective_over_edt"], 0.0),
            "reward_over_fixed": _above(differences["reward_over_fixed"], 0.0),
            "reward_over_edt": _above(differences["reward_over_edt"], 0.0),
            "bleu_held": _above(differences["bleu_over_fixed"], -1.0),
        },
    }


def _by_prompt(values, items):
    return np.bincount(items, values) / np.bincount(items)


def _crossed(values):
    seeds, prompts = (x.ravel().tolist() for x in np.indices(values.shape))
    several = seeds if len(values) > 1 else None
    return _said(study.mean(values.ravel(), items=prompts, seeds=several))


def _said(found):
    return {"mean": found.value, "ci": [found.low, found.high]}


def _above(found, bound):
    low = found["ci"][0]
    return {"bound": bound, "met": bool(low > bound), "ci": found["ci"]}
