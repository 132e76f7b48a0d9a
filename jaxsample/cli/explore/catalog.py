"""The cards of the page: transforms that numbers describe, with a slider for each number."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, NamedTuple

import jaxsample
from jaxsample.interop import from_dict, to_dict

CHOICES = {"scope": ("all", "prompt", "output"), "version": (1, 2)}


class Slider(NamedTuple):
    """The range of a slider, which may be narrower than the field's.

    Attributes:
        low, high, step: the range.
        start: the value of a new card.
        neutral: the value at which the transform does nothing if its other fields are neutral too;
            None if there is none.
    """

    low: float
    high: float
    step: float
    start: float
    neutral: float | None = None


SHARE = Slider(0, 1, 0.01, 0.9, 1)
SMALL = Slider(0, 0.05, 0.0005, 0.001, 0)
STRENGTH = Slider(-2, 2, 0.05, 0.5, 0)

CARDS: dict[str, dict[str, Slider]] = {
    "Temperature": {"value": Slider(0, 3, 0.01, 0.8, 1)},
    "EntropyTemperature": {
        "t0": Slider(0, 3, 0.01, 1, 1),
        "theta": Slider(-2, 5, 0.01, 1, 0),
        "base": Slider(0.05, 1, 0.01, 0.8, 1),
        "max_temperature": Slider(0, 10, 0.1, 10),
    },
    "DynamicTemperature": {
        "low": Slider(0, 3, 0.01, 0.5, 1),
        "high": Slider(0, 3, 0.01, 1.5, 1),
        "exponent": Slider(0, 5, 0.05, 1),
    },
    "Quadratic": {"factor": Slider(0, 5, 0.01, 0.3, 0), "curve": Slider(1, 5, 0.05, 1)},
    "AdaptiveP": {"target": Slider(-1, 1, 0.01, 0.5, -1), "decay": Slider(0, 1, 0.01, 0.9)},
    "TopK": {"k": Slider(1, 200, 1, 40, jaxsample.TopK.off)},
    "TopP": {"p": SHARE},
    "MinP": {"p": Slider(0, 1, 0.005, 0.05, 0)},
    "Typical": {"p": SHARE},
    "Epsilon": {"epsilon": SMALL},
    "Eta": {"epsilon": SMALL},
    "TopA": {"a": Slider(0, 1, 0.01, 0.2, 0)},
    "TailFree": {"z": SHARE},
    "TopNSigma": {"n": Slider(0, 5, 0.05, 1)},
    "TopH": {"alpha": Slider(0, 1, 0.01, 0.4, 1)},
    "PLess": {},
    "PLessNorm": {},
    "XTC": {"threshold": Slider(0, 0.5, 0.005, 0.1), "probability": Slider(0, 1, 0.01, 0.5, 0)},
    "Mirostat": {"tau": Slider(0, 10, 0.05, 5), "eta": Slider(0, 1, 0.01, 0.1)},
    "TopPDecay": {
        "p": SHARE,
        "decay": Slider(0, 1, 0.01, 0.9, 1),
        "minimum": Slider(0, 1, 0.01, 0.1),
    },
    "RepetitionPenalty": {"penalty": Slider(0.5, 2, 0.01, 1.1, 1)},
    "FrequencyPenalty": {"strength": STRENGTH},
    "PresencePenalty": {"strength": STRENGTH},
    "DRY": {
        "multiplier": Slider(0, 5, 0.05, 0.8, 0),
        "base": Slider(1, 4, 0.05, 1.75),
        "allowed_length": Slider(0, 10, 1, 2),
    },
    "NoRepeatNgram": {"n": Slider(1, 8, 1, 3)},
}
"""The transforms that the page can add, and the sliders of their fields."""


def new(name: str) -> Any:
    """Return the transform of a new card.

    Raises:
        ValueError: if the page offers no such card.
    """
    if name not in CARDS:
        raise ValueError(f"there is no card {name!r}; there are {', '.join(CARDS)}")
    return from_dict({"transform": name, **{f: s.start for f, s in CARDS[name].items()}})


def card(member: Any) -> dict[str, Any]:
    """Describe a member of a chain for the template of a card.

    Raises:
        ValueError: if the member cannot be written as data.
    """
    data = _finite(to_dict(member))
    name = data["transform"]
    sliders, controls = CARDS.get(name, {}), []
    declared = {f.name: f for f in dataclasses.fields(member)}
    for f, value in data.items():
        if f in CHOICES:
            controls.append({"name": f, "value": value, "options": CHOICES[f]})
        elif f in sliders and isinstance(value, int | float):
            spec = declared[f].metadata["spec"]
            whole = isinstance(sliders[f].step, int) and sliders[f].step == 1
            controls.append(
                {"name": f, "value": value, "slider": sliders[f], "spec": spec, "whole": whole}
            )
    shown = {control["name"] for control in controls}
    rest = {f: value for f, value in data.items() if f not in shown}
    about = (inspect.getdoc(type(member)) or "").partition("\n")[0]
    return {"name": name, "about": about, "controls": controls, "rest": rest, "text": repr(member)}


def _finite(value: Any) -> Any:
    """Return data that JSON and a field of a page can hold: 1e30 acts as infinity does."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return max(-1e30, min(value, 1e30)) if isinstance(value, float) else value


def groups() -> dict[str, list[str]]:
    """Return the names of the cards by what they do."""
    found: dict[str, list[str]] = {}
    for name in CARDS:
        folder = getattr(jaxsample, name).__module__.split(".")[-2]
        found.setdefault(folder, []).append(name)
    return found
