"""`where_needed` computes what a row needs: the same under every transformation, and only that."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.kernels._per_row import where_needed

V = 200
ROWS = np.random.default_rng(0).standard_normal((6, V)).astype(np.float32)
NEEDS = {
    "some": np.array([True, False, False, True, True, False]),
    "all": np.full(6, True),
    "none": np.full(6, False),
}


def answer(need, row):
    """Return two numbers computed from the row if it needs them, else -1 and 0."""

    def compute():
        return jnp.max(row), jnp.sum(row > 0, dtype=jnp.int32)

    return where_needed(need, compute, (jnp.float32(-1), jnp.int32(0)))


def equal(got, need, rows):
    most, count = np.max(rows, axis=-1), np.sum(rows > 0, axis=-1)
    np.testing.assert_array_equal(got[0], np.where(need, most, np.float32(-1)))
    np.testing.assert_array_equal(got[1], np.where(need, count, 0))
    assert (got[0].dtype, got[1].dtype) == (jnp.float32, jnp.int32)


@pytest.mark.parametrize("need", [True, False])
def test_one_row(need):
    equal(answer(jnp.bool(need), ROWS[0]), need, ROWS[0])
    equal(jax.jit(answer)(need, ROWS[0]), need, ROWS[0])


@pytest.mark.parametrize("name", NEEDS)
def test_a_batch_and_a_loop(name):
    need = NEEDS[name]
    equal(jax.vmap(answer)(need, ROWS), need, ROWS)
    equal(jax.jit(jax.vmap(answer))(need, ROWS), need, ROWS)
    loop = jax.jit(lambda *args: jax.lax.map(lambda row: answer(*row), args))
    equal(loop(need, ROWS), need, ROWS)


def test_a_batch_of_batches():
    need, rows = NEEDS["some"].reshape(2, 3), ROWS.reshape(2, 3, V)
    equal(jax.jit(jax.vmap(jax.vmap(answer)))(need, rows), need, rows)
    across = jax.vmap(jax.vmap(answer), in_axes=(1, 1))
    equal(jax.jit(across)(need, rows), need.T, rows.swapaxes(0, 1))


@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_many_rows(share):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((3000, 5)).astype(np.float32)
    need = rng.random(3000) < share
    equal(jax.jit(jax.vmap(answer))(need, rows), need, rows)


def test_rows_of_a_batch_may_share_the_need_or_the_array():
    shared = jax.vmap(answer, in_axes=(None, 0))(jnp.bool(True), ROWS)
    equal(shared, np.full(6, True), ROWS)
    need = NEEDS["some"]
    one = jax.vmap(answer, in_axes=(0, None))(need, ROWS[0])
    equal(one, need, np.tile(ROWS[0], (6, 1)))


def scaled(need, row, scale):
    return where_needed(need, lambda: jnp.max(row * scale), jnp.float32(-1))


def test_what_all_rows_of_a_batch_share_is_not_copied():
    """Many draws from one row read the row where it is."""
    scales = np.arange(1, 36, dtype=np.float32)
    many = jax.jit(jax.vmap(scaled, in_axes=(None, None, 0)))
    for need in (True, False):
        compiled = many.lower(jnp.bool(need), ROWS[0], scales).compile()
        assert not re.search(rf"f32\[35,{V}\]", compiled.as_text())
        expected = ROWS[0].max() * scales if need else np.full(35, -1, np.float32)
        np.testing.assert_array_equal(compiled(jnp.bool(need), ROWS[0], scales), expected)


def test_batches_of_batches_may_share_some_dimensions():
    scales = np.arange(1, 36, dtype=np.float32).reshape(5, 7)
    few, need = ROWS[:5], np.arange(5) % 2 == 0
    expected = np.where(need[:, None], few.max(1)[:, None] * scales, np.float32(-1))
    inner = jax.vmap(scaled, in_axes=(None, None, 0))
    np.testing.assert_array_equal(jax.jit(jax.vmap(inner))(need, few, scales), expected)
    inner = jax.vmap(scaled)
    across = jax.jit(jax.vmap(inner, in_axes=(None, None, 1)))
    np.testing.assert_array_equal(across(need, few, scales), expected.T)
    grads = jax.vmap(jax.vmap(jax.grad(scaled, argnums=2), in_axes=(None, None, 0)))
    np.testing.assert_array_equal(
        grads(need, few, scales), np.where(need, few.max(1), 0)[:, None] + 0 * scales
    )


def test_numbers_keep_32_bits():
    with jax.enable_x64(True):
        need = NEEDS["some"]
        equal(jax.jit(jax.vmap(answer))(need, ROWS), need, ROWS)
        equal(jax.jit(answer)(True, ROWS[0]), True, ROWS[0])


@pytest.mark.parametrize("name", NEEDS)
def test_only_rows_that_need_it_are_computed(name):
    seen = []

    def hear(x):
        seen.append(float(x))
        return x

    def heard(need, row):
        def compute():
            first = jax.ShapeDtypeStruct((), jnp.float32)
            return jax.pure_callback(hear, first, row[0], vmap_method="sequential")

        return where_needed(need, compute, jnp.float32(-1))

    need = NEEDS[name]
    found = jax.block_until_ready(jax.jit(jax.vmap(heard))(need, ROWS))
    np.testing.assert_array_equal(found, np.where(need, ROWS[:, 0], np.float32(-1)))
    assert seen == ROWS[need, 0].tolist()
    seen.clear()
    one = jax.jit(heard)
    for needed, row in zip(need, ROWS, strict=True):
        jax.block_until_ready(one(needed, row))
    assert seen == ROWS[need, 0].tolist()


# A decision of a GPU would wait for the host, and a loop over rows would waste a TPU.
DECISIONS = {"cpu": (True, False), "tpu": (False, True), "cuda": (False, False)}


@pytest.mark.parametrize("platform", DECISIONS)
def test_each_device_has_its_own_code(platform):
    args = jnp.zeros(6, bool), jnp.zeros((6, V))
    program = jax.jit(jax.vmap(answer)).trace(*args).lower(lowering_platforms=(platform,))
    text = program.as_text()
    assert ("stablehlo.while" in text, "stablehlo.case" in text) == DECISIONS[platform]


def test_a_derivative_computes_every_row():
    need = NEEDS["some"]

    def best(need, row, default):
        return where_needed(need, lambda: jnp.max(row), default)

    tops = (ROWS == ROWS.max(axis=1, keepdims=True)).astype(np.float32)
    slopes = jax.vmap(jax.grad(best, argnums=(1, 2)))
    for run in (slopes, jax.jit(slopes)):
        rows, defaults = run(need, ROWS, np.zeros(6, np.float32))
        np.testing.assert_array_equal(rows, tops * need[:, None])
        np.testing.assert_array_equal(defaults, 1.0 - need)
    for one in (True, False):
        slope, default = jax.grad(best, argnums=(1, 2))(jnp.bool(one), ROWS[0], jnp.float32(0))
        np.testing.assert_array_equal(slope, tops[0] * one)
        assert default == 1 - one


def test_second_derivatives():
    def cube(need, x):
        return where_needed(need, lambda: x**3, x)

    curve = jax.vmap(jax.grad(jax.grad(cube, argnums=1), argnums=1))
    found = curve(NEEDS["some"], jnp.arange(6.0))
    np.testing.assert_array_equal(found, np.where(NEEDS["some"], 6 * np.arange(6.0), 0))


def test_nothing_needs_to_be_read():
    found = jax.vmap(lambda need: where_needed(need, lambda: jnp.float32(3), jnp.float32(0)))
    np.testing.assert_array_equal(found(NEEDS["some"]), 3.0 * NEEDS["some"])
