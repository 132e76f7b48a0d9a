"""Filters on rows longer than a window."""

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
from jaxsample.kernels._ranked import WIDTH
from jaxsample.kernels._tree import BLOCK
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.rows._window import ROWS, Window
from tests.rows import bits
from tests.table.filters import CASES

INF = np.inf
LONG = BLOCK * WIDTH + 391


def _long():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal(LONG)
    peaked = rng.permutation(-1.5 * np.log(np.arange(1, LONG + 1))) + 0.3 * flat
    ties = np.asarray(jnp.asarray(peaked, jnp.bfloat16), np.float32)
    ten = np.where(np.arange(LONG) % (LONG // 10) == 3, flat, -INF)
    return np.float32([peaked, 2 * peaked, ties, flat, ten, np.zeros(LONG)])


@jax.jit
def seen(samplers, rows):
    """Return what each sampler keeps of whole rows and of their windows."""

    def one(sampler, values):
        row = Row.of(values)
        window = sampler.on(Window.of(row, lambda: Row.of(values)))
        whole = sampler.on(row)
        blocks = jnp.pad(whole.values, (0, -LONG % BLOCK), constant_values=-INF)
        inside = blocks.reshape(-1, BLOCK)[window.ids]
        return (
            window.exact & window.inside,
            window.values,
            inside,
            whole.count,
            window.close().count,
        )

    return [jax.vmap(one, in_axes=(None, 0), axis_name=ROWS)(sampler, rows) for sampler in samplers]


def test_windows_keep_what_whole_rows_keep():
    samplers = [
        Epsilon(3e-3),
        Eta(3e-3),
        TopA(0.2),
        TopNSigma(4.0),
        TopH(0.5),
        PLess(),
        PLessNorm(),
    ]
    for sampler, found in zip(samplers, seen(samplers, _long()), strict=True):
        known, window, whole, count, inside = map(np.asarray, found)
        assert known[[0, 1, 2, 4]].all(), f"{sampler}: peaked rows must not need the whole row"
        np.testing.assert_array_equal(bits(window[known]), bits(whole[known]))
        np.testing.assert_array_equal(count[known], inside[known])


def test_a_sample_through_some_of_them_is_the_draw_of_the_whole_row():
    sampler = chain(TopNSigma(5.0), PLessNorm())
    rows, keys = _long(), jax.random.split(jax.random.key(3), 6)
    fast = jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))(keys, rows, sampler)
    slow = jax.jit(jax.vmap(lambda key, row: draw(key, sampler(row))))(keys, rows)
    np.testing.assert_array_equal(fast, slow)


def test_long_rows_equal_the_oracle():
    """Rows longer than a window, for which thresholds are found by interpolation."""
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
