"""All solutions with the right answer as a tree, in which each prefix has one row."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checkpoints import Checkpoint
from .._transformer import bind
from ._sums import PLANS, PROMPT, SOLUTION, ZERO, answers, prompts, solutions

BATCH = 16
"""Sums per call of the model."""

TEXTS = len(PLANS) * 100
"""Right solutions of a sum: any plan, and any two digits as the result of the first step."""


def right_ones(sums: np.ndarray) -> np.ndarray:
    """Return all solutions with the right answer.

    They have every plan and every result of the first step, however wrong it is.

    Returns:
        int32 `[N, 300, 7]`; the first of them has a first step without slips, by the first plan.

    >>> right_ones(np.array([[47, 38, 29]]))[:, 0]
    array([[17, 12,  9, 16,  5,  8,  2]], dtype=int32)
    """
    plan, tens, units = (x.ravel() for x in np.indices((len(PLANS), 10, 10)))
    pairs = np.array(list(PLANS.values()))[plan, :2]
    middle = np.sum(np.asarray(sums)[:, pairs], axis=-1) % 100
    # Texts of one prefix are neighbours, whichever digit is the right one.
    middle = (middle // 10 + tens) % 10 * 10 + (middle % 10 + units) % 10
    return solutions(plan, middle, answers(sums)[:, None])


def _prefixes() -> tuple[np.ndarray, np.ndarray]:
    """Return where in 300 x 7 each prefix is first, `[P]`, and the prefix of each place."""
    text = np.arange(TEXTS)[:, None]
    shared = text // np.array([TEXTS, 100, 10, 1, 1, 1, 1])
    _, first, prefix = np.unique(
        shared * SOLUTION + np.arange(SOLUTION), return_index=True, return_inverse=True
    )
    return first, prefix.reshape(TEXTS, SOLUTION)


FIRST, PREFIX = _prefixes()


def branches(positions: Any) -> Any:
    """Keep each prefix once: `[N, 300, 7, ..]` becomes `[N, P, ..]`, with P = 1234.

    >>> branches(np.zeros((2, 300, 7))).shape
    (2, 1234)
    """
    return positions.reshape(len(positions), TEXTS * SOLUTION, *positions.shape[3:])[:, FIRST]


def places(prefixes: Any) -> Any:
    """Give each place what its prefix has: `[N, P, ..]` becomes `[N, 300, 7, ..]`.

    It is the reverse of `branches`.

    >>> numbers = np.arange(1234)[None]
    >>> places(numbers).shape, bool(np.all(branches(places(numbers)) == numbers))
    ((1, 300, 7), True)
    """
    return prefixes[:, PREFIX]


class Tree(NamedTuple):
    """The outputs of a model after each prefix of the right solutions of N sums.

    Attributes:
        tokens: int32 `[N, 300, 7]`, of `right_ones`.
        logits: float32 `[N, P, V]`.
        hidden: float32 `[N, P, D]`.

    >>> Tree(np.zeros((1, 300, 7)), np.zeros((1, 1234, 20)), np.zeros((1, 1234, 64))).logits.shape
    (1, 1234, 20)
    """

    tokens: np.ndarray
    logits: Any
    hidden: Any


def grow(checkpoint: Checkpoint, sums: np.ndarray) -> Tree:
    """Call the model for every prefix of the right solutions of sums `[N, 3]`.

    >>> import jaxsample_models
    >>> grow(jaxsample_models.embedded_arithmetic(), np.array([[11, 12, 13]])).hidden.shape
    (1, 1234, 64)
    """
    tokens, parts = right_ones(sums), []
    for first in range(0, len(sums), BATCH):
        # The last batch overlaps the one before it: batches of one size need one compilation.
        start = max(min(first, len(sums) - BATCH), 0)
        some = slice(start, first + BATCH)
        found = _read(checkpoint.config, checkpoint.params, prompts(sums[some]), tokens[some])
        parts.append([np.asarray(x)[first - start :] for x in found])
    return Tree(tokens, *map(np.concatenate, zip(*parts, strict=True)))


@partial(jax.jit, static_argnums=0)
def _read(config, params, given, tokens):
    model = bind(config, params)
    given = jnp.repeat(given, TEXTS, axis=0)
    texts = jnp.concatenate([given, tokens.reshape(-1, SOLUTION)[:, :-1]], axis=1)
    hidden = model(texts)[0][:, PROMPT - 1 :]
    hidden = branches(hidden.reshape(-1, TEXTS, *hidden.shape[1:]))
    return model.unembed(hidden).astype(jnp.float32), hidden


class Chances(NamedTuple):
    """How likely a model solves each sum.

    Attributes:
        right: float64 `[N]`, the probability of the solutions of `right_ones` together.
        missed: float64 `[N]`, at most how much texts of other formats could add, if texts are cut
            off after 7 tokens.

    >>> Chances(right=np.array([0.5]), missed=np.array([0.0])).right
    array([0.5])
    """

    right: np.ndarray
    missed: np.ndarray


def solved(tree: Tree, sampler: Any) -> Chances:
    """Return how likely each sum is solved under a sampler without state, exact for the format.

    >>> import jaxsample, jaxsample_models
    >>> tree = grow(jaxsample_models.embedded_arithmetic(), np.array([[11, 12, 13]]))
    >>> solved(tree, jaxsample.Temperature(0.1)).right.round(3)
    array([1.])
    """
    return Chances(*(np.asarray(x, np.float64) for x in _solved(tree, sampler)))


@jax.jit
def _solved(tree, sampler):
    def odds(row, hidden):
        return jax.nn.softmax(sampler(row, None, hidden))

    rows = jax.vmap(jax.vmap(odds))(tree.logits, tree.hidden)
    steps = rows[jnp.arange(len(rows))[:, None, None], PREFIX, tree.tokens]
    so_far = jnp.cumprod(steps, axis=-1)
    other = jnp.maximum(1.0 - jnp.sum(rows[..., ZERO : ZERO + 10], axis=-1), 0.0)[:, PREFIX]
    right = jnp.sum(so_far[..., 6], axis=-1)
    # A wrong digit in the answer leaves no room for another answer. So a text of another format may
    # be right only if it strays in the first step, at a right digit's place, or at the end.
    begun = jnp.maximum(1.0 - jnp.sum(so_far[..., 3], axis=-1), 0.0)
    inside = jnp.sum(so_far[..., 3:5] * other[..., 4:6], axis=(1, 2))
    at_end = jnp.sum(so_far[..., 5] * jnp.maximum(1.0 - steps[..., 6], 0.0), axis=-1)
    return right, begun + inside + at_end
