"""The exact probability of a right answer, by dynamic programming over solutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._slips import DIGIT_ROWS, PLAN_ROW, column_rows, truth_table
from ._sums import FIRST_PLAN, PLANS, SOLUTION, ZERO, answers, solutions

OFF = 0, -1, 1
"""How far each digit of the first step of `right_ones` is from the right one."""


def pass_at_1(sums: np.ndarray, sampler: Callable | None = None) -> np.ndarray:
    """Return the exact probability that a solution of each sum ends in the right answer, `[N]`.

    Solutions are those of the corpus, with its slips, whose distributions a sampler has changed.
    Two slips may cancel.

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


def right_ones(sums: np.ndarray) -> np.ndarray:
    """Return the solutions with the right answer, except those whose first step is far off.

    For each plan there are nine first steps, each of whose digits is right or off by one. They
    hold all solutions of the corpus with the right answer.

    Returns:
        int32 `[N, 27, 7]`; the first of them has a first step without slips, by the first plan.

    >>> right_ones(np.array([[47, 38, 29]]))[:, 0]
    array([[17, 12,  9, 16,  5,  8,  2]], dtype=int32)
    """
    plan, tens, units = (x.ravel() for x in np.indices((len(PLANS), len(OFF), len(OFF))))
    pairs = np.array(list(PLANS.values()))[plan, :2]
    middle = np.sum(np.asarray(sums)[:, pairs], axis=-1) % 100
    ten, unit = middle // 10 + np.array(OFF)[tens], middle % 10 + np.array(OFF)[units]
    middle = ten % 10 * 10 + unit % 10
    return solutions(plan, middle, answers(sums)[:, None])


class Chances(NamedTuple):
    """How likely a model solves each sum.

    Attributes:
        right: float64 `[N]`, the probability of the solutions of `right_ones` together.
        missed: float64 `[N]`, at most how much other texts could add: those whose first step is not
            listed, and those that go on after the right answer. Texts with a sign inside of their
            answer are left out.

    >>> bool(chances(np.log(np.full((1, 27, 7), 0.5))).missed[0] > 0)
    True
    """

    right: np.ndarray
    missed: np.ndarray


def chances(logprobs: np.ndarray) -> Chances:
    """Sum up the solutions of `right_ones`, of which each has a log-probability for each token.

    Args:
        logprobs: `[N, 27, 7]`, or `[N * 27, 7]`.

    >>> found = chances(np.log(np.full((1, 27, 7), 0.5)))
    >>> found.right.round(3)
    array([0.211])
    """
    shape = (-1, len(PLANS) * len(OFF) ** 2, SOLUTION)
    so_far = np.exp(np.cumsum(np.asarray(logprobs, np.float64).reshape(shape), axis=-1))
    begun, answered, right = (np.sum(so_far[..., i], axis=-1) for i in (3, 5, 6))
    return Chances(right, np.maximum(1.0 - begun, 0.0) + answered - right)
