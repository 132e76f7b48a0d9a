"""How far the cost jumps between neighbours in a grid of settings."""

from __future__ import annotations

from typing import NamedTuple

CLIFF = 2.0  # a larger step between neighbours is called a cliff


class Step(NamedTuple):
    """The cost of a cell over that of its neighbour."""

    value: float
    dearer: tuple[float, float]
    cheaper: tuple[float, float]

    def words(self) -> str:
        return "no cliff" if self.value <= CLIFF else "a cliff"


def largest_step(costs: dict[tuple[float, float], float], axis: int) -> Step | None:
    """Return the largest step between neighbours along an axis of the grid, 0 or 1.

    It may go up or down. A grid with one value on the axis has no neighbours.
    """
    values = sorted({cell[axis] for cell in costs})
    after = dict(zip(values, values[1:], strict=False))
    steps = []
    for cell in costs:
        if cell[axis] in after:
            other = list(cell)
            other[axis] = after[cell[axis]]
            dearer, cheaper = sorted((cell, tuple(other)), key=costs.__getitem__, reverse=True)
            steps.append(Step(costs[dearer] / costs[cheaper], dearer, cheaper))
    return max(steps, default=None)
