"""The measurements of one world, by seed and unit, and the conclusions they allow."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from jaxsample.learn import Learned

from .contexts import World, streamed
from .inference import interval, per_token, sign_flip
from .ladder import train, untrained
from .positions import positions, together
from .toys import TEMPERATURES


class Trial:
    """The arms of a world, as measured so far.

    Attributes:
        world: the world.
        protocol: the whole protocol.
        quick: fewer seeds, steps and stories.
        seeds: of training.
        tuning: train and val together.
        train, val, test: parts.
        arms: KL per unit `[K, U]` by name; K is 1 for an arm that is not trained.
        notes: by name, the facts about an arm that results.json adds to its KL.
        samplers: the trained ones by rung, one for each seed.
    """

    def __init__(self, world: World, protocol: dict[str, Any], quick: bool):
        self.world, self.protocol, self.quick = world, protocol, quick
        self.seeds = protocol["seeds"]["quick" if quick else "full"]
        parts = {part: positions(world, part) for part in ("train", "val", "test")}
        self.train, self.val, self.test = parts.values()
        self.tuning = together([self.train, self.val])
        self.arms: dict[str, np.ndarray] = {}
        self.notes: dict[str, dict] = {}
        self.samplers: dict[str, list] = {}

    def add(self, name: str, left: Any, notes: dict[str, Any]) -> None:
        """Add an arm: its KL `[N]` at each position, or a list of these, one for each seed."""
        rows = left if isinstance(left, list) else [left]
        self.arms[name] = np.stack([self.test.per_unit(row) for row in rows])
        kinds = {}
        for i, kind in enumerate(self.world.kinds):
            here = self.test.kinds == i
            kinds[kind] = float(np.mean(np.stack(rows)[:, here])) if here.any() else None
        seeds = {"seeds": [per_token(row[None], self.test.sizes) for row in self.arms[name]]}
        self.notes[name] = notes | (seeds if len(rows) > 1 else {}) | {"kinds": kinds}

    @property
    def schedule(self) -> dict[str, int]:
        """The steps and the batch with which policies train in this world."""
        toy = self.world.name in TEMPERATURES or self.world.interval is not None
        group = "toys" if toy else "stories"
        return self.protocol["training"][f"quick_{group}" if self.quick else group]

    def trained(self, rung: str, width: int, draw: Any = None, **changes: Any) -> list[Learned]:
        """Train a rung, one policy for each seed, on labels of the training part.

        Args:
            rung: a name of the protocol's.
            width: of the policy's network.
            draw: as `train` takes it, instead of labels drawn from the truth.
            **changes: arguments of `train`; steps and batch are the world's schedule by default.
        """
        contexts = self.train.contexts
        hidden_size = contexts.hidden.shape[-1]
        return train(
            untrained(self.protocol, rung, width, hidden_size, self.seeds),
            draw or functools.partial(streamed, contexts),
            self.protocol["data"]["seed"],
            **{**self.schedule, **changes},
        )

    def mean(self, name: str) -> float:
        """Return an arm's KL, nats per token."""
        return per_token(self.arms[name], self.test.sizes)

    def summary(self, name: str) -> dict[str, Any]:
        """Return an arm's KL with its interval and notes."""
        ci = interval(self.arms[name], self.test.sizes)
        return {"kl": self.mean(name), "ci": ci, **self.notes[name]}

    def contrast(self, arm: str, other: str, share: float = 1.0) -> dict[str, Any]:
        """Return arm - share * other, with interval; below 0 the arm is closer to the truth."""
        value = self.mean(arm) - share * self.mean(other)
        if not np.isfinite(value):
            return {"mean": value, "ci": None, "p": None, "against": other}
        apart, sizes = self.arms[arm] - share * self.arms[other], self.test.sizes
        plan = self.protocol["statistics"]
        p = sign_flip(apart.mean(axis=0) * sizes, plan["resamples"], plan["seed"] + 1)
        return {"mean": value, "ci": interval(apart, sizes), "p": p, "against": other}

    def recovered(self, of: str) -> dict[str, Any] | None:
        """Return the learned arm's gain over plain sampling as a share of the gain of `of`."""
        gain = self.mean("plain") - self.mean(of)
        share = (self.mean("plain") - self.mean("learned")) / gain if gain > 1e-6 else np.inf
        if not np.isfinite(share):
            return None
        plain = self.arms["plain"]
        apart = (plain - self.arms["learned"]) - share * (plain - self.arms[of])
        # The ratio of two means, linearised: it has the ratio's value and its first-order spread.
        return {"value": share, "ci": interval(share + apart / gain, self.test.sizes)}
