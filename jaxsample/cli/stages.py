"""What each transform of a sampler does to one distribution, as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxsample import Transform

SHORT = {"EntropyTemperature": "EDT"}


class Stage(NamedTuple):
    """One transform and the row on either side of it.

    Attributes:
        transform: what was applied.
        received: `[V]` float64, the logits it got.
        returned: `[V]` float64, the logits it gave.
    """

    transform: Transform
    received: np.ndarray
    returned: np.ndarray

    @property
    def label(self) -> str:
        """The transform's name and what it was given, as in "TopP 0.9"."""
        values = re.findall(r"=([^,()]+)", repr(self.transform))
        name = type(self.transform).__name__
        return f"{SHORT.get(name, name)} {', '.join(values)}".strip()

    @property
    def before(self) -> np.ndarray:
        """Probabilities before, `[V]`."""
        return probabilities(self.received)

    @property
    def after(self) -> np.ndarray:
        """Probabilities after, `[V]`."""
        return probabilities(self.returned)

    @property
    def cut(self) -> np.ndarray:
        """Which tokens it dropped, `[V]` bool."""
        return np.isfinite(self.received) & ~np.isfinite(self.returned)

    @property
    def mass_cut(self) -> float:
        """The probability, before, of the tokens it dropped."""
        return float(self.before[self.cut].sum())

    @property
    def kept(self) -> int:
        """How many tokens it left."""
        return int(np.isfinite(self.returned).sum())

    @property
    def temperature(self) -> float | None:
        """What it divided the logits by: 1 if they are as they were, None if it dropped tokens."""
        kept = np.isfinite(self.received)
        if self.cut.any() or not kept.any():
            return None
        gaps = self.received[kept].max() - self.received[kept]
        shrunk = self.returned[kept].max() - self.returned[kept]
        if not gaps.any():
            return 1.0
        if not shrunk.any():
            return None
        ratio = float(gaps.max() / shrunk[gaps.argmax()])
        return ratio if np.allclose(gaps, ratio * shrunk, rtol=1e-3, atol=1e-4) else None

    @property
    def summary(self) -> str:
        """What it did, in a few words."""
        if self.cut.any():
            total = int(np.isfinite(self.received).sum())
            return f"keeps {self.kept} of {total}, cuts {self.mass_cut:.1%} of the mass"
        if self.temperature is None:
            return "changes the order of tokens"
        if abs(self.temperature - 1) < 1e-3:
            return "changes nothing here"
        verb = "sharpens" if self.temperature < 1 else "flattens"
        return f"divides by {self.temperature:.3g}: {verb}"


def stages(logits: Any, members: Sequence[Transform]) -> list[Stage]:
    """Apply the members of a chain to one row, one after the other.

    Args:
        logits: `[V]`.
        members: transforms that need no prompt.

    Raises:
        ValueError: if the row is invalid, or a transform needs a prompt.
    """
    received, found = np.asarray(logits, np.float64), []
    if np.isnan(received).any() or not (received > -np.inf).any():
        raise ValueError("the logits hold a NaN, or nothing above -inf")
    for transform in members:
        returned = np.asarray(transform(jnp.asarray(received, jnp.float32)), np.float64)
        found.append(Stage(transform, received, returned))
        received = returned
    return found


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of one row."""
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def entropy(probs: np.ndarray) -> float:
    """Entropy of one distribution, nats."""
    kept = probs[probs > 0]
    return abs(float((kept * np.log(kept)).sum()))
