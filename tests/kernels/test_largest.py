"""The largest values of a row are those of a sort, and a NaN is seen wherever it lies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.kernels._blocks import BLOCK
from jaxsample.kernels._largest import CELL, WIDTH, largest
from tests.rows import bits
from tests.table import swept

SIZES = (1, WIDTH - 1, WIDTH, BLOCK + 3, CELL * WIDTH, CELL * WIDTH + 1, 50257)
many = jax.jit(jax.vmap(largest))


def _rows(size):
    rng = np.random.default_rng(size)
    flat = rng.standard_normal(size)
    rows = {
        "flat": flat,
        "ties": np.round(flat, 1) + 0.0,  # no -0, which a top-k ranks below 0
        "constant": np.zeros(size),
        "masked": np.where(rng.random(size) < 0.9, -np.inf, flat),
        "empty": np.full(size, -np.inf),
        "ascending": np.arange(size),
        "+inf": np.where(np.arange(size) % 50 == 3, np.inf, flat),
        "one block": np.where(np.arange(size) // BLOCK == 1, 9.0 + flat, flat),
    }
    return np.stack([np.float32(row) for row in rows.values()])


@pytest.mark.parametrize("size", SIZES)
def test_largest_values_are_those_of_a_sort(size):
    rows, count = _rows(size), min(size, WIDTH)
    found = many(rows)
    values = -np.sort(-rows, axis=1)[:, :count]
    np.testing.assert_array_equal(bits(found.values), bits(values))
    # Equal values are in any order, and those equal to the last may be any that have this value.
    tokens = np.asarray(found.tokens)
    alive = values > -np.inf
    given = np.take_along_axis(rows, np.minimum(tokens, size - 1), axis=1)
    np.testing.assert_array_equal(given[alive], values[alive])
    assert all(len(set(some[ok])) == ok.sum() for some, ok in zip(tokens, alive, strict=True))
    np.testing.assert_array_equal(found.edge, values[:, -1] if size > WIDTH else -np.inf)
    padded = np.pad(rows, ((0, 0), (0, -size % BLOCK)), constant_values=-np.inf)
    np.testing.assert_array_equal(found.tops, padded.reshape(len(rows), -1, BLOCK).max(axis=2))
    one = jax.jit(largest)(rows[0])
    jax.tree.map(np.testing.assert_array_equal, one, jax.tree.map(lambda x: x[0], found))


# XLA on the CPU reduces large batches in another way than small ones.
@pytest.mark.parametrize("batch", swept([1, 2, 8, 64], [1, 8]))
@pytest.mark.parametrize("size", [100, 300, 5000, 50257])
def test_a_nan_is_seen_in_its_block(size, batch):
    rows = np.random.default_rng(0).standard_normal((batch, size)).astype(np.float32)
    for place in {0, 1, 63, 64, 65, 127, 128, 192, size // 2, size - 70, size - 1}:
        if 0 <= place < size:
            bad = rows.copy()
            bad[-1, place] = np.nan
            found = np.isnan(many(bad).tops)
            assert found[-1, place // BLOCK] and found.sum() == 1, place


def test_slopes_flow_to_the_tokens():
    row = _rows(300)[0]
    slope = jax.grad(lambda x: jnp.sum(largest(x).values[:5]))(row)
    assert sorted(np.flatnonzero(slope)) == sorted(np.argsort(-row)[:5])
    slope = jax.grad(lambda x: jnp.sum(largest(x).tops))(row)
    assert slope.sum() == 3 and set(np.flatnonzero(slope) // BLOCK) == {0, 1, 2}
