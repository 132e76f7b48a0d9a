"""The product of activations with weights, and that a CPU does not convert bfloat16 weights."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample_models._product import product

SHAPES = [(24,), (1, 24), (8, 24), (1, 1, 24), (2, 3, 24)]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_sums_are_float32(dtype, shape, axis):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=shape), dtype)
    weight = jnp.asarray(rng.normal(size=(24, 7) if axis == 0 else (7, 24)), "bfloat16")
    found = jax.jit(product, static_argnums=(2, 3))(x, weight, axis, jnp.float32)
    exact = np.asarray(x, np.float64) @ np.asarray(weight if axis == 0 else weight.T, np.float64)
    assert found.dtype == jnp.float32 and found.shape == exact.shape
    # 24 terms of size 1 in float32. Sums in bfloat16 or float16 would be off by 1e-3 or more.
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5)


def test_a_vector_has_the_gradient_of_a_batch():
    x, weight = jnp.ones((1, 4), jnp.bfloat16), jnp.ones((4, 3), jnp.bfloat16)
    found = jax.grad(lambda x, w: product(x, w).sum(), (0, 1))(x, weight)
    assert np.all(found[0] == 3) and np.all(found[1] == 1)


def test_rows_of_vmap_and_an_open_batch():
    x, weight = jnp.ones((3, 4), jnp.bfloat16), jnp.ones((4, 2), jnp.bfloat16)
    assert np.all(jax.vmap(product, (0, None))(x, weight) == 4)
    (rows,) = jax.export.symbolic_shape("b")
    shapes = [jax.ShapeDtypeStruct(s, jnp.bfloat16) for s in [(rows, 4), (4, 2)]]
    exported = jax.export.export(jax.jit(product))(*shapes)
    assert np.all(exported.call(x, weight) == 4)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="how XLA compiles for a CPU")
@pytest.mark.parametrize("rows", [1, 8])
def test_no_float32_copy_of_bfloat16_weights(rows):
    x, weight = (jax.ShapeDtypeStruct(s, jnp.bfloat16) for s in [(rows, 576), (576, 1536)])
    compiled = jax.jit(product).lower(x, weight).compile().as_text()
    assert "f32[576,1536]" not in compiled
