"""How a number of a token becomes one of five tints."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from typing import NamedTuple

from jaxsample.drawing._characters import number

# The opacity of a tint, so that it takes its lightness from the page. Text stays readable on all.
TINT = "#e07b00"
OPACITIES = 0.0, 0.11, 0.21, 0.32, 0.43


class Scale(NamedTuple):
    """Four edges between five tints, from the surest to the least sure.

    Attributes:
        title: what the numbers are, with their unit.
        edges: rising, or falling if a large number is a sure one.
    """

    title: str
    edges: tuple[float, ...]

    @property
    def falling(self) -> bool:
        """Whether a large number is a sure one."""
        return self.edges[0] > self.edges[-1]

    def level(self, value: float) -> int | None:
        """Return the tint of a number, 0 to 4; None if it is NaN.

        >>> Scale("probability", (0.9, 0.5, 0.1, 0.01)).level(0.5)
        1
        """
        if math.isnan(value):
            return None
        if self.falling:
            return sum(value < edge for edge in self.edges)
        return bisect.bisect_right(self.edges, value)

    @property
    def labels(self) -> list[str]:
        """The range of each tint."""
        inner, outer = "≥<" if self.falling else "<≥"
        return [f"{inner} {number(edge)}" for edge in self.edges] + [
            f"{outer} {number(self.edges[-1])}"
        ]


def even(title: str, values: Iterable[float]) -> Scale:
    """Return the scale that splits the range of some numbers into five equal parts."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    step = (high - low or 1.0) / 5
    return Scale(title, tuple(low + step * i for i in range(1, 5)))
