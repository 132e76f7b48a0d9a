"""A row-by-row comparison of a transform with that of another system.

A row agrees if both keep the same tokens with the same probabilities. If not, one of the named
disagreements of the comparison must explain the row. A row is skipped if the answer of the float64
oracle changes when its edge moves by `EDGE`, because float32 may round either way there.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Prompt

R, V = 1000, 64
EDGE = 1e-5  # of the mass, or of the scale of a logit
NEAR = 1e-5  # of a probability


def _rows():
    """Return rows of all kinds that are hard for float32 or a sort, in a fixed order."""
    rng = np.random.default_rng(23)
    normal = rng.standard_normal((R, V)) * rng.uniform(0.3, 4, (R, 1))
    kinds = rng.permutation(R) % 20
    rows = np.where(kinds[:, None] < 9, normal, 0.0)
    rows = np.where(np.isin(kinds, (9, 10))[:, None], np.round(normal), rows)  # ties
    bfloat16 = np.asarray(jnp.asarray(normal, jnp.bfloat16), np.float64)
    rows = np.where(np.isin(kinds, (11, 12))[:, None], bfloat16, rows)
    masked = np.where(rng.random((R, V)) < rng.uniform(0, 0.98, (R, 1)), -np.inf, normal)
    rows = np.where(np.isin(kinds, (13, 14))[:, None], masked, rows)
    single = np.where(np.arange(V) == rng.integers(0, V, (R, 1)), normal, -np.inf)
    rows = np.where(kinds[:, None] == 15, single, rows)
    equal = np.where(rng.random((R, V)) < 0.7, rng.integers(-3, 3, (R, 1)), -np.inf)
    equal[::2] = rng.integers(-3, 3, (R, 1))[::2]
    rows = np.where(kinds[:, None] == 16, equal, rows)
    top = np.where(rng.random((R, V)) < 0.1, normal.max(1, keepdims=True), normal)
    rows = np.where(kinds[:, None] == 17, top, rows)  # tied maxima
    rows = np.where(kinds[:, None] == 18, 8 * normal, rows)  # peaked
    rows = np.where(kinds[:, None] == 19, normal + rng.choice([-300, 300], (R, 1)), rows)
    rows[np.all(rows == -np.inf, axis=1), 0] = 1.0
    return rows.astype(np.float32)


ROWS = _rows()
# Rows without ties, for chains, where a tie of one sampler is an edge of the next.
SMOOTH = (2 * np.random.default_rng(29).standard_normal((R, V))).astype(np.float32)
Oracle = Callable[..., np.ndarray]


class Comparison(NamedTuple):
    """A transform with settings per row, and the same transform of another system.

    Attributes:
        name: of the comparison.
        ours: the transform; every leaf has a leading axis `[R]`.
        theirs: maps the index of a row to (its result `[V]`, the history `[N]` before it).
        oracles: maps the index of a row to oracles; the row must not lie at their edges.
        named: for each name of a disagreement a function of (i, ours, theirs), which returns
            whether this disagreement alone explains the row.
        rows: `[R, V]`.
        start: the number of tokens of each history that are the prompt.
    """

    name: str
    ours: Any
    theirs: Callable[[int], tuple[np.ndarray, tuple[int, ...]]]
    oracles: Callable[[int], tuple[Oracle, ...]] = lambda i: ()
    named: dict[str, Callable[[int, np.ndarray, np.ndarray], bool]] = {}
    rows: np.ndarray = ROWS
    start: int = 1


class Agreement(NamedTuple):
    """The numbers of rows that were compared, agree, were skipped, and disagree by name.

    `unexplained` lists all other rows.
    """

    rows: int
    agree: int
    skipped: int
    named: dict[str, int]
    unexplained: list[int]


@functools.partial(jax.jit, static_argnames="start")
def run(sampler, histories, rows, start):
    """Apply `sampler` to every row after its history, whose tokens were drawn from that row."""

    def one(sampler, i, history, row):
        drawn = history[start:]
        tokens = jnp.pad(history[:start], (0, drawn.shape[0]))
        prompt = Prompt(tokens, jnp.int32(start), jnp.int32(drawn.shape[0]), row.shape[0])
        state = sampler.init(jax.random.fold_in(jax.random.key(5), i), prompt)
        state = jax.lax.scan(lambda s, t: (sampler.update(s, row, t), ()), state, drawn)[0]
        return sampler(row, state)

    return jax.vmap(one)(sampler, jnp.arange(len(rows)), histories, rows)


def compare(comparison: Comparison) -> Agreement:
    """Compare all rows."""
    rows = comparison.rows
    theirs, histories = zip(*map(comparison.theirs, range(len(rows))), strict=True)
    histories = np.array(histories, np.int32)
    ours = np.asarray(run(comparison.ours, histories, rows, comparison.start))
    skipped, agree, unexplained = 0, 0, []
    named = dict.fromkeys(comparison.named, 0)
    for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if any(not clear(oracle, rows[i]) for oracle in comparison.oracles(i)):
            skipped += 1
        elif same(mine, other):
            agree += 1
        else:
            reason = next((n for n, explains in comparison.named.items()
                           if explains(i, mine, other)), None)  # fmt: skip
            if reason is None:
                unexplained.append(i)
            else:
                named[reason] += 1
    return Agreement(len(rows), agree, skipped, named, unexplained)


def kept(row):
    return row > -np.inf


def clear(oracle, row):
    """Return whether the oracle keeps the same tokens when its edge moves by `EDGE`."""
    here = kept(oracle(row))
    return all((kept(oracle(row, nudge)) == here).all() for nudge in (-EDGE, EDGE))


def close(mine, other):
    """Return whether two rows have the same probabilities among the tokens that both keep."""
    both = kept(mine) & kept(other)
    if not both.any():
        return False
    p, q = (np.exp(np.float64(row[both]) - row[both].max()) for row in (mine, other))
    return bool(np.abs(p / p.sum() - q / q.sum()).max() <= NEAR)


def torn(i, mine, other):
    """Return whether the only difference is that theirs keeps some of a tie and ours all."""
    values = np.unique(ROWS[i][kept(mine) & ~kept(other)])
    tied = len(values) == 1 and values[0] in ROWS[i][kept(other)]
    return tied and not (kept(other) & ~kept(mine)).any() and close(mine, other)


def same(mine, other):
    """Return whether two rows keep the same tokens with the same probabilities."""
    return (kept(mine) == kept(other)).all() and close(mine, other)
