"""The settings of a policy: which are allowed, and the weights that they need."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

from jaxsample.learn._features import size_of
from jaxsample.transforms.temperatures._reshape import KNOTS

HEADS = {"temperature": 1, "edt": 2, "nucleus": 3, "reshape": 2 * len(KNOTS) + 1}
PER = "corpus", "instance", "token"
LEAST = {"width": 1, "depth": 0, "hidden_size": 0}

Size = tuple[int, int]


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the settings of a policy.

    Args:
        settings: see `Policy.settings`.

    Raises:
        ValueError: if a setting has the wrong type or lies outside its range.
    """
    for name, choices in (("head", list(HEADS)), ("per", list(PER))):
        if settings[name] not in choices:
            raise ValueError(f"{name} must be one of {choices}, got {settings[name]!r}")
    for name, least in LEAST.items():
        if type(settings[name]) is not int or settings[name] < least:
            raise ValueError(f"{name} must be an int >= {least}, got {settings[name]!r}")
    for name in ("t_min", "t_max", "theta_max"):
        if not isinstance(settings[name], numbers.Real) or not math.isfinite(settings[name]):
            raise ValueError(f"{name} must be a finite number, got {settings[name]!r}")
    t_min, t_max = settings["t_min"], settings["t_max"]
    if not 0 < t_min < 1 < t_max:
        raise ValueError(f"need 0 < t_min < 1 < t_max, got {t_min!r} and {t_max!r}")
    if not settings["theta_max"] > 0:
        raise ValueError(f"theta_max must be > 0, got {settings['theta_max']!r}")
    if settings["per"] != "corpus" and not inputs(settings):
        raise ValueError("a policy per instance or token needs features or a hidden_size")


def inputs(settings: Mapping[str, Any]) -> int:
    """Return how many numbers a policy reads."""
    return size_of(settings["features"]) + settings["hidden_size"]


def layer_sizes(settings: Mapping[str, Any]) -> tuple[Iterator[Size], Size | None]:
    """Return the sizes (in, out) of the hidden layers of a policy and of its last layer.

    A policy for the whole corpus has no layer. The hidden layers come one by one, so that a depth
    that is too large for memory costs nothing here.
    """
    if settings["per"] == "corpus":
        return iter(()), None
    width, depth = settings["width"], settings["depth"]
    hidden = ((width if i else inputs(settings), width) for i in range(depth))
    return hidden, (width if depth else inputs(settings), HEADS[settings["head"]])


def weight_shapes(settings: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and the shape of each weight of a policy."""
    hidden, last = layer_sizes(settings)
    yield "bias", (HEADS[settings["head"]],)
    for i, size in enumerate(hidden):
        yield f"layers.{i}.kernel", size
        yield f"layers.{i}.bias", size[1:]
    if last is not None:
        yield "last.kernel", last
