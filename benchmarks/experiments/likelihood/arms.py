"""The arms of one domain. Each is the surprise of the test texts, with notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxsample import EntropyTemperature, Temperature
from jaxsample.learn import Examples, Learned, logprobs

from ..learned.ladder import weights
from ..learned.protocol import settings
from . import fixed, low_rank, policies
from .curves import Curves, Grid

Arm = dict[str, Any]


class Domain(NamedTuple):
    """A domain that the model has read.

    Attributes:
        checkpoint: the frozen model.
        protocol: the whole protocol.
        quick: fewer seeds, configurations and epochs.
        grid: of the curves.
        texts: the test part.
        train, val, test: curves.
    """

    checkpoint: Any
    protocol: dict[str, Any]
    quick: bool
    grid: Grid
    texts: Examples
    train: Curves
    val: Curves
    test: Curves

    @property
    def size(self) -> int:
        """The size of the hidden state."""
        return self.checkpoint.config.dim

    @property
    def vocabulary(self) -> int:
        """The size of the vocabulary."""
        return self.checkpoint.config.vocab_size

    def arm(self, rows: Any, **notes: Any) -> Arm:
        """Return an arm from the surprise of every test token: `[N]`, or one such for each seed."""
        rows = rows if isinstance(rows, list) else [rows]
        return {"units": [self.test.per_unit(row).tolist() for row in rows], **notes}


def known(domain: Domain) -> dict[str, Arm]:
    """Return the arms without training: plain sampling, tuned settings and oracles."""
    test, grid, size = domain.test, domain.grid, domain.vocabulary
    tuning = _together(domain.train, domain.val)

    def arm(setting, **notes):
        found = fixed.surprise_of(setting, test, grid, size)
        return domain.arm(found, config=setting, **notes)

    found = {"plain": arm({"temperature": 1.0})}
    best = None
    for family, values in domain.protocol["grids"].items():
        tried = settings(values)
        tuned = fixed.best(tried, tuning, grid, size)
        found[family] = arm(tuned, tuned_on="train and val", settings=len(tried))
        others = [fixed.best(tried, test, grid, size)]
        if best is not None:  # EDT with theta = 0 is a fixed temperature, so it is never worse
            others.append({"t0": best["temperature"], "theta": 0.0})
        refined = [fixed.refined(other, test, grid, size) for other in others]
        best = fixed.best(refined, test, grid, size)
        apart = float(
            np.mean(_apart(domain, _sampler(best), fixed.surprise_of(best, test, grid, size)))
        )
        notes = dict(tuned_on="test", settings=len(tried), apart_from_library=apart)
        found[f"{family}_oracle"] = arm(best, **notes)
    found["instance_oracle"] = domain.arm(fixed.best_per_unit(test, grid), tuned_on="each text")
    found["token_oracle"] = domain.arm(fixed.best_per_token(test, grid), tuned_on="each token")
    return found


def learned(domain: Domain, step: Callable[[str], None]) -> Arm:
    """Train the per-token policy in every configuration, and keep the one that is best on val."""
    plan = domain.protocol["policy"]
    count = 1 if domain.quick else None
    outcomes = []
    for configuration in plan["configurations"][:count]:
        step(f"learned: {configuration}")
        begun = time.perf_counter()
        trained = _trained(domain, "learned", configuration)
        seconds = (time.perf_counter() - begun) / len(trained.samplers)
        outcomes.append((float(trained.val.mean()), trained, configuration, seconds))
    val, trained, configuration, seconds = min(outcomes, key=lambda outcome: outcome[0])
    surprise = [policies.surprise_of(s, domain.test, domain.grid) for s in trained.samplers]
    heats = _temperatures(trained.samplers[0], domain.test)
    return domain.arm(
        surprise,
        config=configuration,
        settings=len(outcomes),
        parameters=weights(trained.samplers[0]),
        val=val,
        epochs=trained.epochs,
        seconds_per_seed=seconds,
        temperatures=np.quantile(heats, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist(),
        apart_from_library=float(np.max(_apart(domain, trained.samplers[0], surprise[0]))),
    )


def rung(domain: Domain, name: str, configuration: dict[str, Any]) -> Arm:
    """Train another rung in the configuration of `learned`."""
    trained = _trained(domain, name, configuration)
    surprise = [policies.surprise_of(s, domain.test, domain.grid) for s in trained.samplers]
    count = weights(trained.samplers[0])
    return domain.arm(surprise, parameters=count, val=float(trained.val.mean()))


def rival(domain: Domain, weights: int, step: Callable[[str], None]) -> Arm:
    """Train the low-rank update in every configuration, and keep the one that is best on val."""
    plan, size = domain.protocol["low_rank"], domain.size
    model, params = domain.checkpoint.model, domain.checkpoint.params
    rank, count = low_rank.rank(weights, size), 1 if domain.quick else None
    outcomes = []
    for configuration in plan["configurations"][:count]:
        begun = time.perf_counter()
        tuned = low_rank.tune(
            model,
            params,
            domain.train,
            domain.val,
            rank=rank,
            size=size,
            rate=configuration["rate"],
            decay=configuration["decay"],
            batch=plan["batch"],
            epochs=plan["epochs"],
            patience=plan["patience"],
            seed=0,
            step=lambda configuration=configuration: step(f"low rank: {configuration}"),
        )
        outcomes.append((tuned, configuration, time.perf_counter() - begun))
    tuned, configuration, seconds = min(outcomes, key=lambda outcome: outcome[0].val)
    surprise = low_rank.surprise_of(model, params, tuned.factors, domain.test, plan["batch"])
    return domain.arm(
        surprise,
        config=configuration | {"rank": rank},
        settings=len(outcomes),
        parameters=2 * rank * size,
        val=tuned.val,
        epochs=tuned.epochs,
        seconds=seconds,
    )


def _trained(domain, name, configuration):
    plan = policies.plan_of(domain.protocol, domain.quick)
    given = domain.protocol["rungs"][name], configuration, domain.size
    return policies.train_rung(plan, *given, domain.train, domain.val, domain.grid)


def _temperatures(sampler: Learned, curves: Curves) -> np.ndarray:
    return np.exp(jax.jit(policies.log_temperatures)(sampler, policies.inputs(sampler, curves)))


def _apart(domain, sampler, surprise):
    """Return how far each token is from the surprise that the library computes, nats."""
    count = domain.protocol["quick" if domain.quick else "curves"]["check"]
    texts, model = domain.texts[:count], domain.checkpoint.model
    found = jax.jit(logprobs, static_argnums=2)(sampler, texts, model, domain.checkpoint.params)
    live = np.arange(texts.tokens.shape[1]) < texts.token_lengths[:, None]
    expected = -np.asarray(found)[live]
    return np.abs(surprise[: len(expected)] - expected)


def _sampler(setting):
    if "temperature" in setting:
        return Temperature(setting["temperature"])
    return EntropyTemperature(setting["t0"], setting["theta"])


def _together(a: Curves, b: Curves) -> Curves:
    after = b._replace(unit=b.unit + a.unit[-1] + 1)
    return Curves(*(np.concatenate(pair) for pair in zip(a, after, strict=True)))
