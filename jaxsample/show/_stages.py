"""The effect of each transform of a sampler on one distribution, in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._prompt import Prompt
from jaxsample.transforms.contract._transform import Transform

SHORT = {"EntropyTemperature": "EDT"}


class Stage(NamedTuple):
    """One transform, with the logits before and after it.

    Attributes:
        transform: the transform that was applied.
        received: `[V]` float64, the logits before.
        returned: `[V]` float64, the logits after.

    >>> from jaxsample.show import explain
    >>> stage, = explain(jnp.log(jnp.array([0.5, 0.3, 0.2])), TopK(2)).stages
    >>> stage.label, stage.kept, round(stage.mass_cut, 3), stage.after.round(3).tolist()
    ('TopK 2', 2, 0.2, [0.625, 0.375, 0.0])
    """

    transform: Transform
    received: np.ndarray
    returned: np.ndarray

    @property
    def label(self) -> str:
        """The transform's name and its values, such as "TopP 0.9"."""
        return f"{self.name} {self.values}".strip()

    @property
    def name(self) -> str:
        """The transform's name, "EDT" for EntropyTemperature."""
        name = type(self.transform).__name__
        return SHORT.get(name, name)

    @property
    def values(self) -> str:
        """The transform's values, separated by commas."""
        return ", ".join(re.findall(r"=([^,()]+)", repr(self.transform)))

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
        """Whether the transform removed a token, `[V]` bool."""
        return np.isfinite(self.received) & ~np.isfinite(self.returned)

    @property
    def mass_cut(self) -> float:
        """The probability that the removed tokens had before."""
        return float(self.before[self.cut].sum())

    @property
    def kept(self) -> int:
        """How many tokens are left."""
        return int(np.isfinite(self.returned).sum())

    @property
    def temperature(self) -> float | None:
        """The divisor of all logits, 1 if none changed; None if there is no common divisor."""
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
        """The effect in a few words."""
        if self.cut.any():
            total = int(np.isfinite(self.received).sum())
            return f"keeps {self.kept} of {total}, cuts {self.mass_cut:.1%} of the mass"
        if self.temperature is None:
            return "changes the order of tokens"
        if abs(self.temperature - 1) < 1e-3:
            return "changes nothing here"
        verb = "sharpens" if self.temperature < 1 else "flattens"
        return f"divides by {self.temperature:.3g}: {verb}"


def stages(
    logits: Any,
    members: Sequence[Transform],
    prompt: Sequence[int] | None,
    hidden: jax.Array | None = None,
) -> list[Stage]:
    """Apply the members of a chain to one row, one after the other.

    Args:
        logits: `[V]`.
        members: any transforms.
        prompt: the token ids before, or None if no transform needs them.
        hidden: `[D]`, the model's hidden state, for transforms that need it.

    Raises:
        ValueError: if the row is invalid, or a transform makes it so.
    """
    before = None if prompt is None else Prompt.of(prompt, len(logits), 1)
    states = (transform.init(jax.random.key(0), before) for transform in members)
    return staged(logits, zip(members, states, strict=True), hidden)


def staged(
    logits: Any, members: Iterable[tuple[Transform, Any]], hidden: jax.Array | None = None
) -> list[Stage]:
    """Apply members of a chain that have seen the text; see `stages`.

    Args:
        logits, hidden: as for `stages`.
        members: each transform with its state.

    Raises:
        ValueError: as `stages`.
    """
    received, found = np.asarray(logits, np.float64), []
    _check(received, "the model")
    for transform, state in members:
        row = transform(jnp.asarray(received, jnp.float32), state, hidden)
        returned = np.asarray(row, np.float64)
        _check(returned, f"the sampler's {transform}")
        found.append(Stage(transform, received, returned))
        received = returned
    return found


def _check(logits, origin):
    if np.isnan(logits).any() or not -np.inf < logits.max() < np.inf:
        raise ValueError(f"{origin} returned logits that hold a NaN, +inf or only -inf")


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of one row."""
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def entropy(probs: np.ndarray) -> float:
    """Entropy of one distribution, nats."""
    kept = probs[probs > 0]
    return abs(float((kept * np.log(kept)).sum()))


class Numbers(NamedTuple):
    """The numbers of a stage as text; "" where there is none.

    Attributes:
        entropy: nats, before and after.
        kept: how many tokens, before and after; "all" if none was dropped.
        cut: the probability that the dropped tokens had.
        temperature: what divided the logits.
    """

    entropy: str
    kept: str
    cut: str
    temperature: str


def numbers(stage: Stage) -> Numbers:
    """Write the numbers of a stage."""
    cut = bool(stage.cut.any())
    divided = stage.temperature is not None and stage.transform.kind != "set"
    return Numbers(
        f"{entropy(stage.before):.3f} → {entropy(stage.after):.3f}",
        f"{int(np.isfinite(stage.received).sum())} → {stage.kept}" if cut else "all",
        f"{stage.mass_cut:.2%}" if cut else "",
        f"{stage.temperature:.3g}" if divided else "",
    )
