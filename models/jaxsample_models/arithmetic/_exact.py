"""The exact probability of a right answer, by dynamic programming over solutions."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ._slips import DIGIT_ROWS, PLAN_ROW, column_rows, truth_table
from ._sums import FIRST_PLAN, PLANS, ZERO, answers


def pass_at_1(sums: np.ndarray, sampler: Callable | None = None) -> np.ndarray:
    """Return the exact probability that a solution of each sum ends in the right answer, `[N]`.

    Solutions are drawn from the distributions of the corpus, with its slips, after the sampler has
    changed each distribution. Two slips may cancel and give the right answer.

    Args:
        sums: int `[N, 3]`.
        sampler: maps a row of logits `[V]` to a row, such as a transform of jaxsample without
            state; None changes nothing.

    >>> sums = np.array([[11, 12, 13], [77, 77, 11]])
    >>> pass_at_1(sums).round(3)
    array([0.611, 0.01 ])
    >>> from jaxsample import Temperature
    >>> pass_at_1(sums, Temperature(0.1)).round(3)
    array([1., 0.])
    """
    truth = truth_table()
    if sampler is not None:
        with np.errstate(divide="ignore"):
            logits = jnp.asarray(np.log(truth), jnp.float32)
        truth = np.asarray(jax.nn.softmax(jax.vmap(sampler)(logits)), np.float64)
    plans = truth[PLAN_ROW, FIRST_PLAN : FIRST_PLAN + len(PLANS)]
    digits = truth[DIGIT_ROWS:, ZERO : ZERO + 10]
    right, middle = answers(sums)[:, None], np.arange(100)
    total = np.zeros(len(sums))
    for share, (i, j, k) in zip(plans, PLANS.values(), strict=True):
        first = _odds(digits, sums[:, i, None], sums[:, j, None], middle)
        second = _odds(digits, middle, sums[:, k, None], right)
        total += share * np.sum(first * second, axis=1)
    return total


def _odds(digits, x, y, written):
    """Return the probability that a step writes a number as the sum of x and y."""
    tens, units = (row - DIGIT_ROWS for row in column_rows(x, y))
    return digits[tens, written // 10] * digits[units, written % 10]
