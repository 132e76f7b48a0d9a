"""The noise: finite, Gumbel, and independent of the settings of jax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsample import draw
from jaxsample.kernels._noise import as_key, from_bits, gumbel
from tests.statistics import FALSE_ALARM

KEY = jax.random.key(1)
ROW = jnp.asarray(np.random.default_rng(0).standard_normal(200), jnp.float32)


def tokens(key, count=64):
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))
    return np.asarray(jax.jit(jax.vmap(draw, in_axes=(0, None)))(keys, ROW))


def test_noise_is_finite_at_both_ends_of_its_bits():
    low, high = from_bits(jnp.array([2**32 - 1, 0], jnp.uint32))
    assert low.dtype == jnp.float32
    np.testing.assert_allclose([low, high], [-2.82, 22.88], atol=0.01)


def test_noise_is_the_formula():
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)
    bits[:4] = 0, 1, 2**32 - 1, 2**32 - 200
    # The uniform number is rounded to float32; the logarithms are in float64.
    v = np.minimum((bits.astype(np.float32) + np.float32(0.5)) * np.float32(2**-32), 1 - 2**-24)
    expected = -np.log(-np.log1p(-v.astype(np.float64)))
    # Two float32 logarithms have errors of a few ulp each, for results up to 23.
    np.testing.assert_allclose(from_bits(jnp.asarray(bits)), expected, rtol=1e-6, atol=1e-6)


def test_noise_is_monotone_and_finest_where_maxima_come_from():
    top = np.asarray(from_bits(jnp.arange(64, dtype=jnp.uint32)))
    assert (np.diff(top) < 0).all(), "each of the smallest bits has a value of its own"
    spread = np.linspace(0, 2**32 - 1, 10_000).astype(np.uint32)
    assert (np.diff(from_bits(jnp.asarray(spread))) <= 0).all()


@pytest.mark.parametrize("stream", [0, 1])
def test_noise_is_gumbel_over_indices_and_over_keys(stream):
    over_indices = gumbel(KEY, stream, jnp.arange(50_000, dtype=jnp.uint32))
    one = lambda i: gumbel(jax.random.fold_in(KEY, i), stream, jnp.array([7], jnp.uint32))[0]  # noqa: E731
    over_keys = jax.jit(jax.vmap(one))(jnp.arange(50_000))
    for noise in (over_indices, over_keys):
        assert stats.kstest(np.asarray(noise), stats.gumbel_r.cdf).pvalue > FALSE_ALARM


def test_streams_keys_and_neighbours_are_uncorrelated():
    index = jnp.arange(20_000, dtype=jnp.uint32)
    a, b = gumbel(KEY, 0, index), gumbel(KEY, 1, index)
    c = gumbel(jax.random.key(2), 0, index)
    # The rank correlation has a deviation of 1 / sqrt(20000) = .007; the limit is five of these.
    for x, y in ((a, b), (a, c), (a[:-1], a[1:])):
        assert abs(stats.spearmanr(np.asarray(x), np.asarray(y)).statistic) < 0.036


def test_noise_is_a_function_of_its_index_alone():
    index = jnp.array([5, 1, 2**32 - 1, 0], jnp.uint32)
    together = gumbel(KEY, 0, index)
    alone = jnp.concatenate([gumbel(KEY, 0, index[i : i + 1]) for i in range(4)])
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together)) == 4


def test_tokens_do_not_depend_on_threefry_partitionable():
    with jax.threefry_partitionable(True):
        on = tokens(KEY)
    with jax.threefry_partitionable(False):
        off = tokens(KEY)
    np.testing.assert_array_equal(on, off)


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_tokens_do_not_depend_on_the_default_implementation(impl):
    usual = tokens(KEY)
    with jax.default_prng_impl(impl):
        np.testing.assert_array_equal(tokens(KEY), usual)


def test_legacy_keys_draw_as_typed_ones():
    legacy = jax.random.PRNGKey(1)
    assert legacy.dtype == jnp.uint32
    np.testing.assert_array_equal(tokens(legacy), tokens(KEY))
    words = [jax.random.key_data(as_key(key)) for key in (legacy, KEY)]
    np.testing.assert_array_equal(*words)


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_keys_of_other_implementations_are_folded_into_threefry(impl):
    key = as_key(jax.random.key(1, impl=impl))
    assert str(jax.random.key_impl(key)) == "threefry2x32"
    jitted = jax.jit(draw)
    drawn = [int(jitted(jax.random.key(i, impl=impl), ROW)) for i in range(40)]
    assert len(set(drawn)) > 10
    assert int(jitted(key, ROW)) == drawn[1]


def test_every_word_of_a_longer_key_counts():
    words = jnp.arange(4, dtype=jnp.uint32)
    keys = [as_key(jax.random.wrap_key_data(words.at[i].add(9), impl="rbg")) for i in range(4)]
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == 4


def test_as_key_keeps_threefry_keys_and_batches():
    keys = jax.random.split(KEY, 3)
    np.testing.assert_array_equal(jax.random.key_data(as_key(keys)), jax.random.key_data(keys))
    assert as_key(jax.random.key_data(keys)).shape == (3,)


@pytest.mark.parametrize("key", [0, 1.5, np.zeros(3, np.uint32), np.zeros(2, np.float32)])
def test_what_is_no_key_raises(key):
    with pytest.raises(ValueError, match="key"):
        draw(key, ROW)
