"""How far the trained arms are above fixed settings of a finer grid, tuned on the test set.

    python benchmarks/experiments/arithmetic/finer.py --run DIR

DIR is the folder of a finished run of prove.py. The grid of its plan is coarse where the best
settings for pass@8 lie: a nucleus there has to keep two tokens of one kind of row and drop the
third. DIR/finer.json gets the best settings of the finer grid and the differences from them. No
prediction of a plan is about these.

The settings are compared by a quick form of top-p for rows that are sorted once. The best ones are
measured by the library, and the command fails if both differ.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.experiments.arithmetic.measures import KS, at_k, spread  # noqa: E402
from benchmarks.experiments.arithmetic.world import Part, build, solved, weights_digest  # noqa: E402
from benchmarks.experiments.learned.grids import FAMILIES  # noqa: E402
from benchmarks.experiments.learned.protocol import settings  # noqa: E402
from benchmarks.harness.options import finished  # noqa: E402
from benchmarks.harness.progress import progress  # noqa: E402
from benchmarks.harness.report import save, spanned, table  # noqa: E402
from jaxsample_models.arithmetic import places  # noqa: E402

P = np.round(np.arange(0.02, 1.005, 0.01), 2).tolist()
HEATS = {
    "fixed": {"temperature": np.round(np.arange(0.1, 5.05, 0.1), 1).tolist() + [6.0, 8.0, 10.0]},
    "edt": {
        "t0": [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 5.0],
        "theta": [-8.0, -4.0, -2.4, -1.8, -1.2, -0.8, -0.4, 0.4, 0.8, 1.5, 3.0],
    },
}
QUICK_P, QUICK_HEATS = [0.8, 1.0], {"fixed": {"temperature": [0.1, 2.0]}}
APART = 1e-4  # of a mean: float32 sums of another order, and rows where p falls between two sums
GOALS = {"pass@1": (1,), "pass@8": (8,), "pass@1 + pass@8": (1, 8)}


class Sorted(NamedTuple):
    """The rows of a tree, largest logit first.

    Attributes:
        logits: `[N, P, V]`.
        entropy: `[N, P]`, nats.
        ranks: `[N, 300, 7]`, the places of the tokens of the right solutions in their rows.
    """

    logits: jax.Array
    entropy: jax.Array
    ranks: jax.Array


@jax.jit
def in_order(logits, tokens) -> Sorted:
    """Sort the rows of a tree."""
    order = jnp.argsort(-logits, axis=-1)
    ranks = _own(jnp.argsort(order, axis=-1), tokens)
    logp = jax.nn.log_softmax(logits)
    entropy = -jnp.sum(jnp.exp(logp) * logp, axis=-1)
    return Sorted(jnp.take_along_axis(logits, order, axis=-1), entropy, ranks)


@jax.jit
def right_at(rows: Sorted, heats: jax.Array, ps: jax.Array) -> jax.Array:
    """Return the chances of right solutions, `[K, N]`, for temperatures `[N, P]` and K values p."""
    weights = jax.nn.softmax(rows.logits / heats[..., None])
    sums = jnp.cumsum(weights, axis=-1)
    chosen = _own(weights, rows.ranks)

    def at(p):
        kept = jnp.sum(sums - weights < p, axis=-1)
        mass = jnp.take_along_axis(sums, kept[..., None] - 1, axis=-1)[..., 0]
        steps = jnp.where(rows.ranks < places(kept), chosen / places(mass), 0.0)
        return jnp.sum(jnp.prod(steps, axis=-1), axis=-1)

    return jax.lax.map(at, ps)


def _own(rows, columns):
    return jnp.take_along_axis(places(rows), columns[..., None], axis=-1)[..., 0]


def reached(right: np.ndarray, goal: str) -> np.ndarray:
    """Return what each sum adds to the mean of a goal."""
    return np.sum([at_k(right, k) for k in GOALS[goal]], axis=0)


def best(
    test: Part, family: str, grid: dict[str, list[float]], ps: list[float]
) -> dict[str, tuple[dict[str, float], np.ndarray]]:
    """Return for each goal the best setting of a family on the test sums, with its chances `[N]`.

    Raises:
        RuntimeError: the quick form and the library differ.
    """
    rows = in_order(test.tree.logits, test.tree.tokens)
    heats = settings(grid)
    found: dict[str, Any] = dict.fromkeys(GOALS, (-1.0, {}))
    with progress(len(heats)) as step:
        for heat in heats:
            step(f"{family} {heat}")
            right = np.asarray(right_at(rows, _heats(heat, rows.entropy), jnp.asarray(ps)))
            for goal in GOALS:
                means = np.mean(reached(right.astype(np.float64), goal), axis=1)
                i = int(np.argmax(means))
                if means[i] > found[goal][0]:
                    found[goal] = float(means[i]), heat | {"p": ps[i]}
    measured = {}
    for goal, (mean, setting) in found.items():
        chances = solved(FAMILIES[family](**setting), test).right
        exact = float(np.mean(reached(chances, goal)))
        if abs(exact - mean) > APART:
            raise RuntimeError(f"{setting}: {goal} is {exact} by the library, {mean} by this file")
        measured[goal] = setting, chances
    return measured


def _heats(setting, entropy):
    if "temperature" in setting:
        return jnp.full_like(entropy, setting["temperature"])
    # As `EntropyTemperature`, whose largest temperature is 10 by default.
    heats = setting["t0"] * 0.8 ** (setting["theta"] / jnp.maximum(entropy, 1e-9))
    return jnp.clip(heats, 1e-3, 10.0)


def trained(folder: Path) -> dict[str, np.ndarray]:
    """Return the chances `[S, N]` of every arm of a run that was trained with several seeds."""
    arms: dict[str, Any] = {}
    for path in sorted((folder / "parts").glob("*.json")):
        if path.stem != "checks":
            arms |= json.loads(path.read_text())["found"]
    rows = {name: np.asarray(arm["right"], np.float64) for name, arm in arms.items()}
    return {name: right for name, right in rows.items() if len(right) > 1}


def by_seed(arms: dict[str, np.ndarray]) -> dict[str, dict[str, list[float]]]:
    """Return the means of each seed, which results.json of a run does not tell apart."""
    return {
        name: {f"pass@{k}": np.mean(at_k(right, k), axis=1).tolist() for k in KS}
        for name, right in arms.items()
    }


def main():
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    folder, results = finished(options)
    protocol, quick = results["protocol"], results["quick"]
    if results["weights_sha256"] != weights_digest():
        options.error("the run had other weights")
    arms = trained(folder)
    test = build(protocol["data"], quick).test
    ps, grids = (QUICK_P, QUICK_HEATS) if quick else (P, HEATS)
    tuned = {family: best(test, family, grid, ps) for family, grid in grids.items()}
    kept = [
        {
            "family": family,
            "goal": goal,
            "config": setting,
            "passes": {f"pass@{k}": float(np.mean(at_k(chances, k))) for k in KS},
            "minus": {
                name: spread(reached(right, goal) - reached(chances[None], goal))
                for name, right in arms.items()
            },
        }
        for family, by_goal in tuned.items()
        for goal, (setting, chances) in by_goal.items()
    ]
    rows = [
        [
            one["family"],
            one["goal"],
            str(one["config"]),
            *(f"{x:.4f}" for x in one["passes"].values()),
        ]
        for one in kept
    ]
    print(table(["family", "best for", "setting", *(f"pass@{k}" for k in KS)], rows))
    differences = [
        [name, one["goal"], one["family"], spanned(x["value"], x["ci"])]
        for one in kept
        for name, x in one["minus"].items()
    ]
    print()
    print(table(["arm", "measure", "minus the best", "difference"], differences))
    found = {
        "protocol_sha256": results["protocol_sha256"],
        "grids": grids,
        "p": ps,
        "best": kept,
        "by_seed": by_seed(arms),
    }
    print(f"wrote {save(folder, found, 'finer.json')}")


if __name__ == "__main__":
    main()
