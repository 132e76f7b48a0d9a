"""Families of samplers with a few settings, of which the best is taken for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from benchmarks.experiments.learned.grids import FAMILIES
from benchmarks.experiments.learned.protocol import settings
from jaxsample import chain
from jaxsample_models.arithmetic import KINDS

from .measures import KS, at_all, at_k, unseen
from .world import Part, World, rows, solved


def tuned(family: str, grid: dict[str, list[float]], world: World) -> dict[str, dict[str, Any]]:
    """Try every setting; return the best one for each measure, tuned on val and on the test set.

    Returns:
        arms by name, such as `fixed_8` and `fixed_oracle_8`; each with the setting and the
        chances of each test sum. The first has the front too: pass@1, pass@8, and how much of the
        latter may be missed, of each setting on the test set.
    """
    tried = settings(grid)
    samplers = [FAMILIES[family](**setting) for setting in tried]
    on_val, on_test = ([solved(s, part) for s in samplers] for part in (world.val, world.test))
    arms = {}
    for k in KS:
        for name, seen in (family, on_val), (f"{family}_oracle", on_test):
            best = _best(seen, k)
            notes = {"config": tried[best], "settings": len(tried)}
            arms[f"{name}_{k}"] = notes | rows([on_test[best]])
    # A setting that leaves the format often may solve more sums than is known.
    front = [
        [float(np.mean(at_k(found.right, k))) for k in KS] + [unseen(*found, KS[-1])]
        for found in on_test
    ]
    arms[f"{family}_1"]["front"] = front
    return arms


def best_on_val(
    family: str, grid: dict[str, list[float]], ks: Sequence[int], world: World
) -> dict[str, float]:
    """Return the setting with the largest sum of pass@k for each of `ks` on val."""

    def reached(setting):
        return at_all(solved(FAMILIES[family](**setting), world.val).right, ks)

    return max(settings(grid), key=reached)


def by_kind(grid: dict[str, list[float]], test: Part) -> dict[str, dict[str, Any]]:
    """Return the best temperatures for the kinds of tokens on the test set, for each measure."""
    tried = [
        dict(zip(KINDS, values, strict=True)) for values in product(*(grid[kind] for kind in KINDS))
    ]
    seen = []
    for setting in tried:
        heats = np.array([setting[kind] for kind in KINDS], np.float32)[test.kinds]
        tree = test.tree._replace(logits=test.tree.logits / heats[..., None])
        seen.append(solved(chain(), test._replace(tree=tree)))
    best = {k: _best(seen, k) for k in KS}
    return {
        f"kinds_oracle_{k}": {"config": tried[i], "settings": len(tried)} | rows([seen[i]])
        for k, i in best.items()
    }


def _best(seen, k):
    return int(np.argmax([np.mean(at_k(found.right, k)) for found in seen]))
