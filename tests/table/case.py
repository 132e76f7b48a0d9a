"""One row of the table of transforms."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

# Two roundings of half an ulp each (the shift, the division); the contract allows four ulp.
ULPS = 4 * 2.0**-23
# The contract's bound where an entropy enters: its rounding moves the temperature. A power, too.
ENTROPY = 1e-5
# What most rows of temperatures share.
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
    # Where the result is a difference that may cancel: how far a kept logit may lie off, in nats.
    near: float = 0.0
    # How many numbers are added to a logit, each rounded.
    terms: int = 1

    @property
    def filters(self):
        """Whether it only ever drops tokens."""
        return self.tolerance == 0 and self.kind == "order"

    def empties(self, row):
        """Whether it drops every token of the row, as only a token transform may."""
        return self.kind == "token" and bool(np.all(self.oracle(row) == -np.inf))
