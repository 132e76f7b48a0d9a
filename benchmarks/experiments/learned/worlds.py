"""Every world by name."""

from __future__ import annotations

from .contexts import World
from .smoothing import smoothed
from .stories import FULL, QUICK, STYLES, story
from .toys import TEMPERATURES, toy

NAMES = (*TEMPERATURES, *STYLES, "smoothed")


def build(name: str, quick: bool = False, seed: int = 0) -> World:
    """Build a world. `quick` makes fewer stories; toy worlds stay the same.

    Raises:
        ValueError: if no world has this name.
    """
    if name in TEMPERATURES:
        return toy(name, seed=seed)
    if name in STYLES:
        return story(name, QUICK if quick else FULL, seed)
    if name == "smoothed":
        return smoothed(seed=seed)
    raise ValueError(f"`name` must be one of {', '.join(NAMES)}, got {name!r}")
