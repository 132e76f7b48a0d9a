"""The arms: settings of grids, tuned on prompts, and a policy that is trained on them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from jaxsample import EntropyTemperature, Temperature, TopP, chain
from jaxsample.learn import (
    DISTRIBUTION,
    Examples,
    Learned,
    Policy,
    PolicyGradient,
    Rewards,
    fit,
    load,
    save,
)
from jaxsample.study import Setting, grid, slot_share, slots_of, sweep

from .begun import begun
from .reward import SlotReward
from .world import World

SLOTS = 64
"""The number of texts that are drawn at once."""

Rows = list[dict[str, Any]]
MAKE: dict[str, tuple[str, Callable[..., Any]]] = {
    "fixed": (
        "T {temperature}, p {p}",
        lambda temperature, p: chain(Temperature(temperature), TopP(p)),
    ),
    "edt": ("EDT {t0}, {theta}", lambda t0, theta: chain(EntropyTemperature(t0, theta))),
}


def settings(arm: str, protocol: dict[str, Any]) -> list[Setting]:
    """Return the settings of an arm's grid."""
    name, make = MAKE[arm]
    return grid(name, make, **protocol["grids"][arm])


def draw(
    world: World,
    some: Sequence[Setting],
    part: str,
    samples: int,
    data: dict[str, Any],
    out: Path,
) -> Rows:
    """Draw texts of the prompts of a part, or read what an interrupted run drew."""
    items, seed = (world.tune, data["seed"]) if part == "tune" else (world.test, data["seed"] + 1)
    return sweep(
        world.source,
        some,
        items,
        seeds=(seed,),
        samples=samples,
        max_new_tokens=data["max_new_tokens"],
        batch_size=SLOTS,
        out=out,
        progress=True,
    ).rows


def valued(rows: Rows, world: World, kl: float) -> dict[str, np.ndarray]:
    """Return reward, KL and objective of each text, `[N]`.

    The KL is the sum of log(q / p) over the drawn tokens, which is unbiased.
    """
    reward = slot_share([row["text"] for row in rows], [world.meanings[r["item"]] for r in rows])
    apart = np.asarray([sum(row["logprobs"]) - sum(row["model_logprobs"]) for row in rows])
    return {"reward": reward, "kl": apart, "objective": reward - kl * apart}


def tuned(rows: Rows, world: World, kl: float) -> tuple[str, dict[str, dict[str, float]]]:
    """Return the setting with the largest mean objective, and the means of every setting."""
    values = valued(rows, world, kl)
    of = np.asarray([row["setting"] for row in rows])
    means = {
        name: {measure: float(found[of == name].mean()) for measure, found in values.items()}
        for name in dict.fromkeys(of.tolist())
    }
    return max(means, key=lambda name: means[name]["objective"]), means


def trained(
    world: World, protocol: dict[str, Any], size: dict[str, Any], seed: int, out: Path
) -> list[dict[str, float]]:
    """Train a policy on the prompts that tune the other arms, and return the history of training.

    `out` holds the checkpoints and, in the end, the policy: `sampler_of` reads it.
    """
    plan, data = protocol["policy"], protocol["data"]
    source, new = world.source, data["max_new_tokens"]
    checkpoint = source.checkpoint
    prompts = [source.encode(item.prompt) for item in world.tune]
    longest = max(map(len, prompts)) + new
    model, rest = begun(checkpoint.model, checkpoint.params, prompts, longest)
    meanings = [_spelt(checkpoint.tokenizer, world.meanings[item.id]) for item in world.tune]
    texts = Examples(_padded(meanings), _lengths(meanings), _padded(rest), _lengths(rest))
    objective = PolicyGradient(
        Rewards(SlotReward(checkpoint.tokenizer)),
        samples=size["samples"],
        max_new_tokens=new,
        eos=tuple(source.eos),
        epochs=plan["epochs"],
        clip=plan["clip"],
        kl=protocol["objective"]["kl"],
    )
    policy = Policy(
        plan["head"],
        features=DISTRIBUTION,
        hidden_size=checkpoint.config.dim,
        width=plan["width"],
        rngs=nnx.Rngs(seed),
    )
    found = fit(
        jax.random.key(seed),
        policy,
        model,
        checkpoint.params,
        texts,
        steps=size["updates"],
        batch_size=size["batch"],
        objective=objective,
        optimizer=_adam(plan["rate"]),
        every=max(1, size["updates"] // 10),
        folder=out,
        progress=True,
    )
    save(found.sampler, out / "sampler")
    return found.history


def sampler_of(out: Path) -> Learned:
    """Read the policy that `trained` wrote."""
    return load(out / "sampler")


def _spelt(tokenizer: Any, meaning: str) -> list[int]:
    """Return the tokens of a meaning; ValueError if they do not spell its slots."""
    ids = tokenizer.encode(meaning, add_special_tokens=False).ids
    if slots_of(tokenizer.decode(ids)) != slots_of(meaning):
        raise ValueError(f"the tokens of {meaning!r} spell {tokenizer.decode(ids)!r}")
    return ids


@functools.cache
def _adam(rate: float) -> optax.GradientTransformation:
    return optax.adam(rate)


def _lengths(rows: Sequence[Sequence[int]]) -> np.ndarray:
    return np.asarray([len(row) for row in rows], np.int32)


def _padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    padded = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded
