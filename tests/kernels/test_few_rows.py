"""`few_rows` computes the same whether a row is alone, in a batch, or among those done at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.kernels import _few_rows
from jaxsample.kernels._few_rows import few_rows

V = 200
ROWS = np.random.default_rng(0).standard_normal((5, V)).astype(np.float32)


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch):
    monkeypatch.setattr(_few_rows, "CACHED", 2 * V)


def answer(row, scale):
    """Return a number and an array computed from the row."""
    return few_rows(lambda: {"most": jnp.max(row) * scale, "above": row > scale})


def equal(got, rows, scale):
    np.testing.assert_array_equal(got["most"], np.max(rows, axis=-1) * np.float32(scale))
    np.testing.assert_array_equal(got["above"], rows > scale)


def test_one_row_and_batches():
    equal(answer(ROWS[0], 0.5), ROWS[0], 0.5)
    shared = jax.vmap(answer, in_axes=(0, None))
    equal(jax.jit(shared)(ROWS, 0.5), ROWS, 0.5)
    equal(jax.jit(jax.vmap(shared, (0, None)))(ROWS[None], 0.5), ROWS[None], 0.5)
    each = jax.jit(jax.vmap(answer))(ROWS, jnp.arange(5.0))
    np.testing.assert_array_equal(each["most"], ROWS.max(axis=1) * np.arange(5, dtype=np.float32))


def test_a_batch_is_read_in_parts():
    program = jax.jit(jax.vmap(answer, in_axes=(0, None))).lower(ROWS, 0.5).as_text()
    assert "while" in program


def test_derivatives():
    def loss(rows, scale):
        return jnp.sum(jax.vmap(lambda row: answer(row, scale)["most"])(rows))

    slopes, of_scale = jax.jit(jax.grad(loss, (0, 1)))(ROWS, 0.5)
    expected = 0.5 * (ROWS == ROWS.max(axis=1, keepdims=True))
    np.testing.assert_allclose(slopes, expected)
    np.testing.assert_allclose(of_scale, ROWS.max(axis=1).sum(), rtol=1e-6)
