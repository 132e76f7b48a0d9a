"""The live positions of a part of a world, one after another, and the unit of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .contexts import Contexts, World, divergence, take


class Positions(NamedTuple):
    """N positions of U units.

    Attributes:
        contexts: arrays `[N, 1, ..]`, all live.
        unit: int `[N]`, in 0..U - 1.
        ideal: float32 `[N]`, the best temperature by construction, or None.
    """

    contexts: Contexts
    unit: np.ndarray
    ideal: np.ndarray | None = None

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each unit, `[U]`."""
        return np.bincount(self.unit)

    @property
    def kinds(self) -> np.ndarray:
        """Kinds `[N]`."""
        return np.asarray(self.contexts.kinds)[:, 0]

    def per_unit(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of `[N]` values in each unit, `[U]`."""
        return np.bincount(self.unit, np.asarray(values, float)) / self.sizes


def positions(world: World, part: str) -> Positions:
    """Return a part of a world without its padding."""
    contexts = getattr(world, part)
    live = np.asarray(contexts.live)
    ideal = None if world.ideal is None else np.asarray(world.ideal[part])[live]
    return Positions(_flat(contexts, live), np.nonzero(live)[0], ideal)


def together(parts: Sequence[Positions]) -> Positions:
    """Concatenate parts."""
    firsts = np.cumsum([0, *(len(part.sizes) for part in parts)])
    unit = np.concatenate([p.unit + f for p, f in zip(parts, firsts, strict=False)])
    contexts = jax.tree.map(lambda *xs: jnp.concatenate(xs), *(p.contexts for p in parts))
    return Positions(contexts, unit)


def some(part: Positions, count: int) -> Contexts:
    """Return `count` positions spread evenly over the part, or all if there are fewer."""
    index = np.linspace(0, len(part.unit) - 1, min(count, len(part.unit))).astype(int)
    return take(part.contexts, index)


def left_by(sampler, part: Positions) -> np.ndarray:
    """Return the exact KL(truth || sampler) at every position, nats `[N]`."""
    return np.asarray(divergence(sampler, part.contexts))[:, 0]


def _flat(contexts, live):
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x)[live][:, None]), contexts)
