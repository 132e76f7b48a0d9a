"""Filters on rows of thousands of tokens, which their largest values may or may not decide."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import (
    Epsilon,
    Eta,
    PLess,
    PLessNorm,
    TopA,
    TopH,
    TopNSigma,
    chain,
    draw,
    sample,
)
from jaxsample.kernels._largest import CELL, WIDTH
from jaxsample.transforms.rows._row import Row
from tests.decode.unknowing import unknowing
from tests.rows import bits
from tests.table.filters import CASES

INF = np.inf
LONG = CELL * WIDTH + 391


def _long():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal(LONG)
    peaked = rng.permutation(-1.5 * np.log(np.arange(1, LONG + 1))) + 0.3 * flat
    ties = np.asarray(jnp.asarray(peaked, jnp.bfloat16), np.float32)
    ten = np.where(np.arange(LONG) % (LONG // 10) == 3, flat, -INF)
    return np.float32([peaked, 2 * peaked, ties, flat, ten, np.zeros(LONG)])


def seen(samplers, rows):
    """Return what each sampler keeps, and whether all of it is among the largest values."""

    def one(sampler, values):
        row = sampler.on(Row.of(values))
        return row.edge == -INF, row.values, row.count

    return [jax.vmap(one, in_axes=(None, 0))(sampler, rows) for sampler in samplers]


def test_the_largest_values_keep_what_whole_rows_keep():
    samplers = [
        Epsilon(3e-3),
        Eta(3e-3),
        TopA(0.2),
        TopNSigma(4.0),
        TopH(0.5),
        PLess(),
        PLessNorm(),
    ]
    few, whole = jax.jit(seen)(samplers, _long()), jax.jit(unknowing(seen))(samplers, _long())
    for sampler, mine, theirs in zip(samplers, few, whole, strict=True):
        assert mine[0][jnp.array([0, 1, 2, 4])].all(), f"{sampler} keeps few tokens of peaked rows"
        assert not theirs[0][0]
        np.testing.assert_array_equal(bits(mine[1]), bits(theirs[1]))
        np.testing.assert_array_equal(mine[2], theirs[2])


def test_a_sample_through_some_of_them_is_the_draw_of_the_whole_row():
    sampler = chain(TopNSigma(5.0), PLessNorm())
    rows, keys = _long(), jax.random.split(jax.random.key(3), 6)
    fast = jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))(keys, rows, sampler)
    slow = jax.jit(jax.vmap(lambda key, row: draw(key, sampler(row))))(keys, rows)
    np.testing.assert_array_equal(fast, slow)


def test_long_rows_equal_the_oracle():
    """Such rows hold more tokens than are ranked, so thresholds are searched."""
    rows = _long()
    by_name = {case.id: case for case in CASES}
    run = jax.jit(lambda sampler, rows: jax.vmap(sampler)(rows))
    for case in (by_name[i] for i in ("typical-0.9", "typical-0.2", "tail_free-0.95")):
        judged, out = 0, np.asarray(run(case.sampler, rows))
        for row, mine in zip(rows, out, strict=True):
            answers = [case.oracle(row, nudge) > -INF for nudge in (-1e-5, 0.0, 1e-5)]
            if (answers[0] == answers[1]).all() and (answers[1] == answers[2]).all():
                judged += 1
                np.testing.assert_array_equal(mine > -INF, answers[1], err_msg=case.id)
        assert judged >= 4, case.id
