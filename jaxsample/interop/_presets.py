"""Named pairs of temperature and top-p for common tasks."""

from __future__ import annotations

from typing import NamedTuple

from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.filters._truncation import TopP
from jaxsample.transforms.temperatures._temperature import Temperature


class Preset(NamedTuple):
    """A temperature and a top-p that are used together.

    Attributes:
        temperature: the value of `Temperature`.
        top_p: the p of `TopP`.

    >>> Preset(temperature=0.7, top_p=0.8).top_p
    0.8
    """

    temperature: float
    top_p: float


PRESETS = {
    "code": Preset(0.2, 0.1),
    "creative": Preset(0.7, 0.8),
    "chat": Preset(0.5, 0.5),
    "comment": Preset(0.3, 0.2),
    "analysis": Preset(0.2, 0.1),
    "explore": Preset(0.6, 0.7),
}
"""All presets by name; `preset` makes the sampler."""


def preset(name: str) -> Chain:
    """Return the sampler of a preset: its temperature, then its top-p.

    "code" is for source code, "comment" for comments on it, "analysis" for data analysis, "chat"
    for conversations, "creative" for stories and "explore" for unusual code.

    Args:
        name: one of `PRESETS`.

    Raises:
        ValueError: if no preset has this name.

    >>> preset("creative")
    chain(Temperature(value=0.7), TopP(p=0.8))
    """
    if name not in PRESETS:
        raise ValueError(f"no preset is named {name!r}; there are {', '.join(PRESETS)}")
    temperature, top_p = PRESETS[name]
    return chain(Temperature(temperature), TopP(top_p))
