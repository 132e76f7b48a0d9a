"""One row of the table of transforms."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

# The shift and the division round by half an ulp each; four ulp are allowed.
ULPS = 4 * 2.0**-23
# The bound for results that depend on an entropy or a power, whose rounding moves the temperature.
ENTROPY = 1e-5
# Common arguments of temperatures.
WARM = dict(tolerance=ULPS, shifts=True)
EDT = dict(tolerance=ENTROPY, shifts=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    id: str
    sampler: Any
    oracle: Callable
    kind: str = "order"
    tolerance: float = 0.0
    neutral: Any = None
    shifts: bool = False
    state: Any = None
    # The absolute error of a kept logit, for results that are differences and may cancel.
    near: float = 0.0
    # How many numbers are added to a logit, each with a rounding.
    terms: int = 1

    @property
    def filters(self):
        """Whether the transform only drops tokens."""
        return self.tolerance == 0 and self.kind == "order"

    def empties(self, row):
        """Whether the transform drops every token of the row, which only token transforms may."""
        return self.kind == "token" and bool(np.all(self.oracle(row) == -np.inf))
