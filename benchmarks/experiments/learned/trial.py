"""What was measured in a world, seed by seed and unit by unit, and what may be said of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .contexts import World
from .inference import draws, interval, mean, means, sign_flip
from .positions import positions, together
from .toys import TEMPERATURES


class Trial:
    """A world's arms, as measured so far, and the draws that all their intervals share.

    Attributes:
        world: the world.
        protocol: the whole protocol.
        quick: fewer seeds, steps and stories.
        seeds: of training.
        tuning: train and val.
        val, test: parts.
        arms: KL per unit `[K, U]` by name; K is 1 for what is not trained.
        told: what results.json says beside of each.
        samplers: the trained ones by rung, one a seed.
    """

    def __init__(self, world: World, protocol: dict[str, Any], quick: bool):
        self.world, self.protocol, self.quick = world, protocol, quick
        self.seeds = protocol["seeds"]["quick" if quick else "full"]
        parts = {part: positions(world, part) for part in ("train", "val", "test")}
        self.train, self.val, self.test = parts.values()
        self.tuning = together([self.train, self.val])
        self.arms: dict[str, np.ndarray] = {}
        self.told: dict[str, dict] = {}
        self.samplers: dict[str, list] = {}
        statistics = protocol["statistics"]
        rng = np.random.default_rng(statistics["seed"])
        count = statistics["resamples"]
        self.draws = draws(len(self.seeds), self.test.sizes, count, rng)

    def add(self, name: str, left: Any, told: dict[str, Any]) -> None:
        """Add an arm: KL `[N]` at each position, or a list of these, one a seed; what to tell."""
        rows = left if isinstance(left, list) else [left]
        self.arms[name] = np.stack([self.test.per_unit(row) for row in rows])
        kinds = {}
        for i, kind in enumerate(self.world.kinds):
            here = self.test.kinds == i
            kinds[kind] = float(np.mean(np.stack(rows)[:, here])) if here.any() else None
        seeds = {"seeds": [mean(row[None], self.test.sizes) for row in self.arms[name]]}
        self.told[name] = told | (seeds if len(rows) > 1 else {}) | {"kinds": kinds}

    @property
    def schedule(self) -> dict[str, int]:
        """How long and on how much at once policies train in this world."""
        toy = self.world.name in TEMPERATURES or self.world.interval is not None
        group = "toys" if toy else "stories"
        return self.protocol["training"][f"quick_{group}" if self.quick else group]

    def resampled(self, name: str) -> np.ndarray:
        """Return an arm's mean in every resample, `[R]`."""
        return means(self.arms[name], self.draws)

    def mean(self, name: str) -> float:
        """Return an arm's KL, nats per token."""
        return mean(self.arms[name], self.test.sizes)

    def ci(self, resampled: np.ndarray) -> list[float]:
        """Return an interval at the protocol's level."""
        return interval(resampled, self.protocol["statistics"]["level"])

    def summary(self, name: str) -> dict[str, Any]:
        """Return an arm's KL, its interval, and what was told of it."""
        ci = self.ci(self.resampled(name))
        return {"kl": self.mean(name), "ci": ci, **self.told[name]}

    def contrast(self, arm: str, other: str, share: float = 1.0) -> dict[str, Any]:
        """Return arm - share * other, with interval; below 0 the arm is closer to the truth."""
        value = self.mean(arm) - share * self.mean(other)
        if not np.isfinite(value):
            return {"mean": value, "ci": None, "p": None, "against": other}
        resampled = self.resampled(arm) - share * self.resampled(other)
        paired = self.arms[arm].mean(axis=0) - share * self.arms[other].mean(axis=0)
        statistics = self.protocol["statistics"]
        rng = np.random.default_rng(statistics["seed"] + 1)
        p = sign_flip(paired * self.test.sizes, statistics["resamples"], rng)
        return {"mean": value, "ci": self.ci(resampled), "p": p, "against": other}

    def recovered(self, of: str) -> dict[str, Any] | None:
        """Return the share of what `of` gains over plain sampling that the learned arm gains."""
        gain = self.mean("plain") - self.mean(of)
        learned = self.mean("learned")
        if not (gain > 1e-6 and np.isfinite(learned)):
            return None
        plain = self.resampled("plain")
        resampled = (plain - self.resampled("learned")) / (plain - self.resampled(of))
        return {"value": (self.mean("plain") - learned) / gain, "ci": self.ci(resampled)}
