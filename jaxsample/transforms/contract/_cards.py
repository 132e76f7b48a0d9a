"""Transforms and combiners as cards of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from jaxsample.drawing._cards import Card, Value, cards
from jaxsample.drawing._picture import Drawn, inline
from jaxsample.transforms.contract._fields import Spec, spec_of
from jaxsample.transforms.contract._hyperparameters import Hyperparameters, shown_fields

WIDEST = 10.0  # a number in a wider range would lie at its end


def as_html(members: Sequence[Hyperparameters]) -> str:
    """Return a picture of some transforms, in the order in which they run."""
    return inline(title_of(members), *drawn(members))


def title_of(members: Sequence[Hyperparameters]) -> str:
    """Return one line for people who cannot see the picture."""
    return ", then ".join(type(member).__name__ for member in members) or "an empty chain"


def drawn(members: Sequence[Hyperparameters]) -> Drawn:
    """Draw some transforms."""
    return cards([_card(member) for member in members])


def _card(member):
    name = type(member).__name__
    if type(member).__repr__ is not Hyperparameters.__repr__:  # it writes itself in its own way
        inside = repr(member).removeprefix(f"{name}(").removesuffix(")")
        return Card(name, [Value("", inside, None)] if inside else [])
    values = [
        Value(f.name, text, _share(getattr(member, f.name), spec_of(f)))
        for f, text in shown_fields(member)
    ]
    return Card(name, values)


def _share(value: Any, spec: Spec) -> float | None:
    """Return where a number lies in a narrow range, 0 to 1; None if it has no such range."""
    low, high = spec.low, spec.high
    if low is None or high is None or high - low > WIDEST:
        return None
    if isinstance(value, Tracer) or not isinstance(value, np.ndarray | np.generic | jax.Array):
        return None
    share = (np.asarray(value, np.float64) - low) / (high - low)
    return float(share) if not share.ndim and np.isfinite(share) else None
