import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.kernels._ranks import _by_search, _by_tokens, ranks

ROWS = np.random.default_rng(0).normal(size=(5, 40)).round(1).astype(np.float32)
ROWS[1, :7] = -np.inf
ROWS[2, ::2] = 0.0
ROWS[2, 1::4] = -0.0
ROWS[3] = -np.inf
ROWS[4, 3] = np.float32(-3e38)


def expected(rows):
    return (rows[:, None, :] > rows[:, :, None]).sum(axis=2)


@pytest.mark.parametrize("code", [_by_search, _by_tokens])
def test_a_rank_counts_the_strictly_larger_values(code):
    np.testing.assert_array_equal(jax.jit(code)(jnp.asarray(ROWS))[0], expected(ROWS))


def test_a_batch_has_the_ranks_of_its_rows():
    np.testing.assert_array_equal(jax.jit(jax.vmap(ranks))(ROWS), expected(ROWS))
    np.testing.assert_array_equal(ranks(jnp.asarray(ROWS[0])), expected(ROWS)[0])
