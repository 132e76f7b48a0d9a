"""Sums of three numbers, and how they and their solutions are written.

A text is `<s>47+38+29=left:85,14</s>`. Its plan names the pair that is added first, here 47 + 38 =
85; the second step adds the number that is left, 85 + 29. Every number has two digits: only the
last two digits of a sum are kept.
"""

from __future__ import annotations

import numpy as np

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
PAD, BOS, EOS, UNK = range(4)
ZERO = len(SPECIAL)
"""The id of the digit 0; the other digits follow."""
PLUS, EQUALS, COMMA = range(ZERO + 10, ZERO + 13)
FIRST_PLAN = COMMA + 1

PLANS = {"left": (0, 1, 2), "right": (1, 2, 0), "outer": (0, 2, 1)}
"""The pair of terms that each plan adds first, and the term that is left."""

VOCABULARY = (*SPECIAL, *"0123456789", "+", "=", ",", *(f"{plan}:" for plan in PLANS))

PROMPT, SOLUTION = 10, 7
"""The number of tokens of a prompt and of a solution."""


def draw_sums(rng: np.random.Generator, count: int, held_out: bool = False) -> np.ndarray:
    """Draw the terms of sums, int `[N, 3]` in 10..99.

    A tenth of all sums is held out: training sees none of them. It may see one in another order of
    its terms. A sum may come twice.

    >>> draw_sums(np.random.default_rng(0), 2).shape
    (2, 3)
    """
    found = np.zeros((0, 3), int)
    while len(found) < count:
        some = rng.integers(10, 100, (16 * count, 3))
        # The modulus is a prime, so the choice depends on every digit of every term.
        apart = some @ np.array([7919, 1299709, 15485863]) % 101 < 10
        found = np.concatenate([found, some[apart == held_out]])
    return found[:count]


def trained_sums(training: dict[str, int]) -> np.ndarray:
    """Return the sums that a training drew, int `[N, 3]`, from the content of training.json.

    >>> trained_sums({"seed": 0, "calls": 2, "sums": 6}).shape
    (6, 3)
    """
    calls, seed = training["calls"], training["seed"]
    each = training["sums"] // calls
    # A call draws its sums first, see `Corpus.draw`.
    return np.concatenate([draw_sums(np.random.default_rng((seed, i)), each) for i in range(calls)])


def answers(sums: np.ndarray) -> np.ndarray:
    """Return the right answers `[N]` in 0..99.

    >>> answers(np.array([[47, 38, 29]]))
    array([14])
    """
    return np.sum(sums, axis=-1) % 100


def prompts(sums: np.ndarray) -> np.ndarray:
    """Return the prompts, int32 `[N, 10]`.

    >>> prompts(np.array([[47, 38, 29]]))
    array([[ 1,  8, 11, 14,  7, 12, 14,  6, 13, 15]], dtype=int32)
    """
    sums = np.asarray(sums)
    tokens = np.full((len(sums), PROMPT), PLUS, np.int32)
    tokens[:, 0], tokens[:, -1] = BOS, EQUALS
    tokens[:, 1:9:3], tokens[:, 2:9:3] = ZERO + sums // 10, ZERO + sums % 10
    return tokens


def solutions(plan: np.ndarray, middle: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return solutions, int32 `[.., 7]`.

    Args:
        plan: `[..]`, indices into `PLANS`.
        middle: `[..]` in 0..99, the result of the first step.
        last: `[..]` in 0..99, the result of the second step.

    >>> solutions(np.array([0]), np.array([85]), np.array([14]))
    array([[17, 12,  9, 16,  5,  8,  2]], dtype=int32)
    """
    parts = (
        FIRST_PLAN + plan,
        ZERO + middle // 10,
        ZERO + middle % 10,
        COMMA,
        ZERO + last // 10,
        ZERO + last % 10,
        EOS,
    )
    return np.stack(np.broadcast_arrays(*parts), axis=-1).astype(np.int32)
