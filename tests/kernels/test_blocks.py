"""Sums of rows: their order is fixed, whatever the batch, and gaps of zeros change nothing."""

import jax
import numpy as np
import pytest

from jaxsample.kernels._blocks import BLOCK, block_sums, blocks, tree_sum
from tests.rows import bits


def terms(size, seed=0):
    return np.exp(3 * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


def by_hand(row):
    """Add in the documented order, a float32 addition at a time."""
    inside = np.pad(row, (0, -len(row) % BLOCK)).reshape(-1, BLOCK // 8, 8)
    eight = np.add.accumulate(inside, axis=1)[:, -1]
    sums = np.add.accumulate(eight, axis=1)[:, -1]
    while len(sums) > 1:
        sums = np.pad(sums, (0, len(sums) % 2)).reshape(-1, 2).sum(axis=1)
    return sums[0]


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5000])
def test_a_sum_has_one_order(size):
    rows = np.stack([terms(size, seed) for seed in range(3)])
    expected = bits([by_hand(row) for row in rows])
    np.testing.assert_array_equal(bits(jax.jit(jax.vmap(tree_sum))(rows)), expected)
    np.testing.assert_array_equal(bits(jax.jit(lambda x: jax.lax.map(tree_sum, x))(rows)), expected)
    np.testing.assert_array_equal(bits(jax.jit(tree_sum)(rows[0])), expected[0])
    # float32 sums in order have a relative error below the number of additions in a row.
    np.testing.assert_allclose(by_hand(rows[0]), rows[0].sum(dtype=float), rtol=36 * 2.0**-24)


def test_blocks_of_integers():
    rows = np.random.default_rng(0).integers(0, 2**22, (2, 300)).astype(np.int32)
    sums = jax.vmap(lambda row: block_sums(blocks(row, 0)))(rows)
    padded = np.pad(rows, ((0, 0), (0, -300 % BLOCK)))
    np.testing.assert_array_equal(sums, padded.reshape(2, -1, BLOCK).sum(axis=2))


def test_the_slope_of_a_sum_is_one_for_every_term():
    row = terms(300)
    np.testing.assert_array_equal(jax.grad(tree_sum)(row), np.ones(300))
    rows = np.stack([row, row])
    slopes = jax.jit(jax.vmap(jax.grad(lambda x: tree_sum(x * x))))(rows)
    np.testing.assert_array_equal(slopes, 2 * rows)
