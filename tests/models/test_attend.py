"""Attention over a long cache, block by block, against all slots at once."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jaxsample_models._attend import _all_slots, attend_cached

from .conftest import TINY

SLOTS = 600  # two blocks, and one that begins inside the second
# Float32 sums of up to 600 terms, in another order.
TOLERANCE = 1e-5


def arrays(steps, slots=SLOTS, sinks=False, rows=2):
    """Return queries, keys, values and sinks."""
    keys = jax.random.split(jax.random.key(0), 4)
    size, kv_heads = TINY.head_dim, TINY.kv_heads
    query = 3 * jax.random.normal(keys[0], (rows, TINY.heads, steps, size))
    cache = (jax.random.normal(key, (rows, kv_heads, slots, size)) for key in keys[1:3])
    return query, *cache, 3 * jax.random.normal(keys[3], (TINY.heads,)) if sinks else None


both = functools.partial(jax.jit, static_argnums=(0, 1))


@pytest.mark.parametrize(
    ("config", "window", "sinks", "positions"),
    [
        pytest.param(TINY, None, False, [[510, 512, 599], [-1, -1, -1]], id="a row of padding"),
        pytest.param(
            dataclasses.replace(TINY, attention_softcap=2.0, query_scale=3.0),
            100,
            True,
            [[300, 511, 599], [255, 257, -1]],
            id="window, sinks and cap",
        ),
    ],
)
def test_blocks_equal_all_slots(config, window, sinks, positions):
    positions = jnp.array(positions, jnp.int32)
    given = (*arrays(positions.shape[1], sinks=sinks), positions)
    found = both(attend_cached)(config, window, *given)
    expected = both(_all_slots)(config, window, *given)
    seen = np.asarray(positions >= 0)[:, None, :, None]
    np.testing.assert_allclose(found * seen, expected * seen, atol=TOLERANCE, rtol=0)
    assert jnp.isfinite(found).all()


def test_a_long_prompt_in_chunks_equals_all_slots():
    """Its second chunk of queries is shorter, and for the second row nothing but padding."""
    places = jnp.arange(560, dtype=jnp.int32)
    positions = jnp.stack([places, jnp.where(places < 500, places, -1)])
    given = (*arrays(560), positions)
    found = both(attend_cached)(TINY, 300, *given)
    expected = both(_all_slots)(TINY, 300, *given)
    seen = np.asarray(positions >= 0)[:, None, :, None]
    np.testing.assert_allclose(found * seen, expected * seen, atol=TOLERANCE, rtol=0)
    assert jnp.isfinite(found).all()


def test_gradients_equal_those_over_all_slots():
    *given, _ = arrays(2)
    positions = jnp.array([[300, 301], [5, -1]], jnp.int32)

    def loss(attend, given):
        return jnp.sum(attend(TINY, None, *given, None, positions)[:, :, 0] ** 2)

    grads = [
        jax.jit(jax.grad(functools.partial(loss, f)))(given) for f in (attend_cached, _all_slots)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), *grads)


@pytest.mark.parametrize(("slots", "last"), [(200, 50), (SLOTS, 150), (SLOTS, 250), (SLOTS, 599)])
@pytest.mark.parametrize("window", [None, 400, 100])
def test_one_query_of_many_rows_equals_all_slots(window, slots, last):
    """Below a third of the cache it goes block by block, above it reads the cache in place."""
    positions = jnp.linspace(-1, last, 16).astype(jnp.int32)[:, None]
    config = dataclasses.replace(TINY, attention_softcap=2.0, query_scale=3.0)
    given = (*arrays(1, slots, sinks=True, rows=16), positions)
    found = both(attend_cached)(config, window, *given)
    expected = both(_all_slots)(config, window, *given)
    np.testing.assert_allclose(found[1:], expected[1:], atol=TOLERANCE, rtol=0)
    assert jnp.isfinite(found).all()


@pytest.mark.optimised
@pytest.mark.parametrize(("heads", "in_place"), [(4, True), (16, False)])
def test_one_query_of_many_rows_does_not_copy_the_cache(heads, in_place):
    """With many queries for each key head it goes block by block."""
    kv_heads, size, slots = 2, 64, 4096
    config = dataclasses.replace(TINY, heads=heads, kv_heads=kv_heads, head_dim=size)
    cache = jax.ShapeDtypeStruct((16, kv_heads, slots, size), jnp.float32)
    query = jax.ShapeDtypeStruct((16, heads, 1, size), jnp.float32)
    positions = jax.ShapeDtypeStruct((16, 1), jnp.int32)
    lowered = both(attend_cached).lower(config, None, query, cache, cache, None, positions)
    compiled = lowered.compile()
    # Besides blocks of 256 slots it holds the scores, one float for 32 of the keys.
    held = compiled.memory_analysis().temp_size_in_bytes
    assert held < cache.size * cache.dtype.itemsize / 4
    assert ("conditional(" in compiled.as_text()) == in_place


def test_gradients_of_one_query_of_many_rows_equal_those_over_all_slots():
    *given, _ = arrays(1, rows=16)
    positions = jnp.linspace(0, 599, 16).astype(jnp.int32)[:, None]

    def loss(attend, given):
        return jnp.sum(attend(TINY, None, *given, None, positions) ** 2)

    grads = [
        jax.jit(jax.grad(functools.partial(loss, f)))(given) for f in (attend_cached, _all_slots)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), *grads)


def test_what_is_not_written_is_not_read():
    """Slots behind the last block in use may hold anything, and cost no memory, for few rows."""
    positions = jnp.array([[200], [255]], jnp.int32)
    query, keys, values, _ = arrays(1)
    after = jnp.arange(SLOTS)[:, None] >= 256
    spoiled = (jnp.where(after, jnp.nan, cache) for cache in (keys, values))
    assert jnp.isfinite(attend_cached(TINY, None, query, *spoiled, None, positions)).all()

    def temporary(slots):
        given = (*arrays(1, slots), positions)
        compiled = both(attend_cached).lower(TINY, None, *given).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(64 * SLOTS) < 2 * temporary(SLOTS)


@pytest.mark.full
def test_a_chunked_prompt_takes_no_square_of_memory():
    """All scores at once would take 2 * 4 * 2048 * 2048 floats, 128 MiB."""
    positions = jnp.broadcast_to(jnp.arange(2048, dtype=jnp.int32), (2, 2048))
    given = (*arrays(2048, 2048), positions)
    compiled = both(attend_cached).lower(TINY, None, *given).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 32 * 2**20


def test_the_number_of_rows_can_be_left_open():
    """An exported step with any number of rows gives the same result as one for these rows."""
    *given, sinks = arrays(1, rows=16)
    positions = jnp.full((16, 1), SLOTS - 1, jnp.int32)
    step = jax.jit(lambda *given: attend_cached(TINY, None, *given[:3], sinks, given[3]))
    (rows,) = export.symbolic_shape("b")
    given = (*given, positions)
    shapes = [jax.ShapeDtypeStruct((rows, *array.shape[1:]), array.dtype) for array in given]
    found = export.export(step)(*shapes).call(*given)
    np.testing.assert_allclose(found, step(*given), atol=TOLERANCE, rtol=0)
