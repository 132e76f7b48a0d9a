"""The sums of the experiment, and how likely the model solves each under a sampler."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxsample_models
from benchmarks.experiments.learned.protocol import digest, load
from jaxsample.learn import Examples
from jaxsample_models import arithmetic
from jaxsample_models.arithmetic import (
    Chances,
    Tree,
    branches,
    draw_sums,
    grow,
    kinds,
    prompts,
    right_ones,
    trained_sums,
)

WEIGHTS = Path(arithmetic.__file__).with_name("weights")
PARTS = "train", "val", "test"


class Part(NamedTuple):
    """Held-out sums, each with the tree of its right solutions.

    Attributes:
        sums: int `[N, 3]`.
        tree: the outputs of a model.
        kinds: int8 `[N, P]`, indices into `KINDS`.
    """

    sums: np.ndarray
    tree: Tree
    kinds: np.ndarray


class World(NamedTuple):
    """The model and its sums.

    Attributes:
        checkpoint: the model of the package.
        train: prompts, each with a right solution as the text.
        val, test: held-out sums.
    """

    checkpoint: Any
    train: Examples
    val: Part
    test: Part


def weights_digest() -> str:
    """Return the sha256 of the weights of the model."""
    return digest(WEIGHTS / "model.safetensors")


def mark_of(protocol: Path, quick: bool) -> dict[str, Any]:
    """Return the mark of a run: its plan, weights, size and JAX. A part needs the same mark."""
    return {
        "protocol": digest(protocol),
        "weights": weights_digest(),
        "quick": quick,
        "jax": jax.__version__,
    }


def build(plan: dict[str, Any], quick: bool) -> World:
    """Draw the sums; `plan` is `data` of the protocol.

    Raises:
        ValueError: the stored weights are not those that the protocol names.
    """
    if weights_digest() != plan["weights"]:
        raise ValueError(
            f"the protocol names weights of sha256 {plan['weights']}, the stored ones have "
            f"{weights_digest()}; name them in the protocol, and use a new --out"
        )
    checkpoint = jaxsample_models.embedded_arithmetic()
    sizes = plan["quick"] if quick else plan
    train, val, test = draw(plan["seed"], *(sizes[part] for part in PARTS), used=kept_apart(plan))
    texts = Examples(right_ones(train)[:, 0], prompts=prompts(train))
    return World(checkpoint, texts, part(checkpoint, val), part(checkpoint, test))


def kept_apart(plan: dict[str, Any]) -> np.ndarray | None:
    """Return the sums that `plan`, `data` of a protocol, keeps apart from, `[M, 3]`, if any.

    They are the val and test sums of the plan that it names, and those that this one keeps apart
    from.
    """
    if "apart_from" not in plan:
        return None
    first = load(Path(__file__).with_name(plan["apart_from"]))["data"]
    before = kept_apart(first)
    own = draw(first["seed"], *(first[part] for part in PARTS), used=before)[1:]
    return np.concatenate(own if before is None else (before, *own))


def draw(
    seed: int, train: int, val: int, test: int, used: np.ndarray | None = None
) -> tuple[np.ndarray, ...]:
    """Draw three sets of sums, `[N, 3]` each; no sum comes twice.

    Those of `train` were seen when the model was trained. Those of `val` and `test` have three
    different terms, were held out, and were not seen in another order of the terms either. None is
    one of `used`, `[M, 3]`, in any order.
    """
    training = json.loads((WEIGHTS / "training.json").read_text())
    known = np.unique(trained_sums(training), axis=0)
    for_train, for_rest = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    # About one held-out sum in 20 is new in every order.
    some = draw_sums(for_rest, 100 * (val + test), held_out=True)
    different = np.all(np.diff(np.sort(some, axis=1), axis=1) > 0, axis=1)
    out = known if used is None else np.concatenate([known, used])
    some = some[different & ~np.isin(_unordered(some), _unordered(out))]
    _, first = np.unique(_unordered(some), return_index=True)
    new = some[np.sort(first)]
    if len(new) < val + test:
        raise ValueError(f"{val + test} new sums are asked for, and {len(new)} were found")
    return for_train.choice(known, train, replace=False), new[:val], new[val : val + test]


def _unordered(sums):
    """Return a number for each sum that is the same in every order of its terms."""
    return np.sort(sums, axis=1) @ np.array([10_000, 100, 1])


def part(checkpoint: Any, sums: np.ndarray) -> Part:
    """Call a model for all solutions of sums that have the right answer."""
    tree = grow(checkpoint, sums)
    return Part(sums, tree, branches(kinds(sums[:, None], tree.tokens)))


def solved(sampler: Any, among: Part) -> Chances:
    """Return the exact chances of each sum under a sampler."""
    return arithmetic.solved(among.tree, sampler)


def rows(found: Sequence[Chances]) -> dict[str, list[np.ndarray]]:
    """Return the part of an arm that holds the chances of each of its seeds."""
    return {name: [getattr(some, name) for some in found] for name in Chances._fields}
