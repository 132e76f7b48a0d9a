"""The slips (random errors) of the solutions: where, how large, and how often they are."""

from __future__ import annotations

from functools import cache

import numpy as np

from ._sums import COMMA, EOS, FIRST_PLAN, PLANS, VOCABULARY, ZERO

PLAN_ODDS = (0.85, 0.10, 0.05)
"""The probability of each of `PLANS`, the same for every sum."""

LARGE = 7
"""A column is large if both of its digits are at least this number."""

FORGOTTEN = 0.95
"""The probability that the digit of a large column is one too small."""

MISCOUNTED = 0.12
"""The probability that the digit of another column is off by one; up and down are as likely."""

KINDS = ("plan", "digit", "large", "fixed")
"""The kinds of tokens: a plan, a digit, the digit of a large column, and any other token."""

PLAN_ROW = len(VOCABULARY)
DIGIT_ROWS = PLAN_ROW + 1


@cache
def digit_table() -> np.ndarray:
    """Return the distribution of the digit that is written, `[10, 10, 2, 10]`.

    The axes are the two digits of a column, the carry into it, and the digit that is written. The
    carry is that of the right sum, also after a slip.
    """
    x, y, carry = np.indices((10, 10, 2))
    right = (x + y + carry) % 10
    large = ((x >= LARGE) & (y >= LARGE))[..., None]
    down, here, up = (np.eye(10)[(right + step) % 10] for step in (-1, 0, 1))
    counted = (1 - MISCOUNTED) * here + MISCOUNTED / 2 * (down + up)
    return np.where(large, (1 - FORGOTTEN) * here + FORGOTTEN * down, counted)


@cache
def truth_table() -> np.ndarray:
    """Return the distributions of all tokens, float64 `[U, V]`.

    Row t < V gives token t probability 1. Then come the row of the plan and the rows of
    `digit_table`.
    """
    size = len(VOCABULARY)
    plan = np.zeros((1, size))
    plan[0, FIRST_PLAN : FIRST_PLAN + len(PLANS)] = PLAN_ODDS
    digits = np.zeros((200, size))
    digits[:, ZERO : ZERO + 10] = digit_table().reshape(200, 10)
    return np.concatenate([np.eye(size), plan, digits])


def column_rows(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of `truth_table` of the tens and of the units of x + y."""
    carry = (x % 10 + y % 10 >= 10).astype(int)
    tens = DIGIT_ROWS + (x // 10 * 10 + y // 10) * 2 + carry
    return tens, DIGIT_ROWS + (x % 10 * 10 + y % 10) * 2


def solution_rows(sums: np.ndarray, plan: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return the rows of `truth_table` of each token of solutions, `[.., 7]`.

    Args:
        sums: `[.., 3]`.
        plan, middle: `[..]`, as `solutions` takes them.
    """
    order = np.array(list(PLANS.values()))[plan]
    first, second, left = np.moveaxis(np.take_along_axis(sums, order, axis=-1), -1, 0)
    parts = (PLAN_ROW, *column_rows(first, second), COMMA, *column_rows(middle, left), EOS)
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def kinds_of(rows: np.ndarray) -> np.ndarray:
    """Return the kind of each token, indices into `KINDS`, given its row of `truth_table`."""
    column = (rows - DIGIT_ROWS) // 2
    large = (column // 10 >= LARGE) & (column % 10 >= LARGE)
    digit = np.where(large, KINDS.index("large"), KINDS.index("digit"))
    plan = np.where(rows == PLAN_ROW, KINDS.index("plan"), KINDS.index("fixed"))
    return np.where(rows >= DIGIT_ROWS, digit, plan).astype(np.int8)


def kinds(sums: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Return the kind of each token of solutions, int8 `[.., 7]`, indices into `KINDS`.

    Args:
        sums: int `[.., 3]`.
        tokens: `[.., 7]`, as `solutions` writes them.

    >>> [KINDS[i] for i in kinds(np.array([47, 38, 29]), np.array([17, 12, 9, 16, 5, 8, 2]))]
    ['plan', 'digit', 'large', 'fixed', 'digit', 'digit', 'fixed']
    """
    plan, tens, units = np.moveaxis(tokens[..., :3] - np.array([FIRST_PLAN, ZERO, ZERO]), -1, 0)
    sums = np.broadcast_to(sums, (*plan.shape, 3))
    return kinds_of(solution_rows(sums, plan, 10 * tens + units))
