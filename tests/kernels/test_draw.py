"""Draws: their distribution, their edge cases, and that they depend on key and row alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsample import draw
from jaxsample.kernels._blocks import BLOCK, blocks
from jaxsample.kernels._draw import draw_block, draw_block_of, draw_inside, of_block
from jaxsample.kernels._noise import gumbel
from tests.oracles import common as oracles
from tests.statistics import FALSE_ALARM, draws, p_value
from tests.table import swept

KEY = jax.random.key(1)


def normal(size, scale, seed=0, dtype=jnp.float32):
    row = scale * np.random.default_rng(seed).standard_normal(size)
    return jnp.asarray(row, dtype)


@pytest.mark.parametrize("dtype", swept([jnp.float32, jnp.bfloat16], [jnp.float32]))
@pytest.mark.parametrize(
    "size, scale", swept([(32, 1.0), (1024, 2.0), (50257, 2.0)], [(32, 1.0), (1024, 2.0)])
)
def test_100_000_draws_follow_the_probabilities(size, scale, dtype):
    logits = normal(size, scale, dtype=dtype)
    assert p_value(draws(size, logits), oracles.probabilities(logits)) > FALSE_ALARM


@pytest.mark.parametrize("size", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_ties_are_drawn_among_uniformly_wherever_blocks_end(size):
    tokens = draws(size, np.zeros(size, np.float32), thousands=20)
    assert p_value(tokens, np.full(size, 1 / size)) > FALSE_ALARM


def test_rows_of_numpy_may_be_constants_of_a_compiled_function():
    rows, keys = (
        np.random.default_rng(3).standard_normal((4, 100), np.float32),
        jax.random.split(KEY, 4),
    )
    many = jax.vmap(draw)
    np.testing.assert_array_equal(jax.jit(lambda: many(keys, rows))(), many(keys, rows))


def test_blocks_and_the_tokens_in_them_are_independent():
    """The two levels use different noise, so the place in a block is independent of the block."""
    tokens = draws(7, np.zeros(4 * BLOCK, np.float32), thousands=50)
    table = np.zeros((4, 8))
    np.add.at(table, (tokens // BLOCK, tokens % BLOCK // (BLOCK // 8)), 1)
    assert stats.chi2_contingency(table).pvalue > FALSE_ALARM


def test_consecutive_keys_draw_independently():
    tokens = draws(8, np.zeros(8, np.float32), thousands=50)
    table = np.zeros((8, 8))
    np.add.at(table, (tokens[:-1:2], tokens[1::2]), 1)
    assert stats.chi2_contingency(table).pvalue > FALSE_ALARM


@pytest.mark.slow
def test_a_tail_of_one_in_a_million_is_drawn_that_often():
    """Coarse uniform numbers draw such a tail too rarely or too often; 10 draws are expected."""
    _size, tail = 3 * BLOCK, np.arange(3 * BLOCK) % 16 == 3
    probs = np.where(tail, 1e-6 / tail.sum(), (1 - 1e-6) / (~tail).sum())
    logits = jnp.asarray(np.log(probs), jnp.float32)

    @jax.jit
    def count(start):
        keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(start + jnp.arange(100_000))
        tokens = jax.vmap(draw, in_axes=(0, None))(keys, logits)
        return jnp.sum(jnp.asarray(tail)[tokens])

    seen = sum(int(count(i * 100_000)) for i in range(100))
    # Poisson(10) is outside [1, 27] with a chance of 5e-5.
    assert 1 <= seen <= 27


def test_uniform_bfloat16_rows_are_not_biased_to_low_tokens():
    """Noise in bfloat16 has ties, and the first index wins them, with a mean of 122 of 1024."""
    tokens = draws(3, jnp.zeros(1024, jnp.bfloat16), thousands=4)
    # Mean 511.5, standard deviation 295.6 / sqrt(4000) = 4.7; the limit is five deviations.
    assert abs(tokens.mean() - 511.5) < 24
    # 1024 (1 - e**-3.9) = 1003.4 distinct tokens are expected, with a deviation of 4.0.
    assert abs(len(np.unique(tokens)) - 1003.4) < 20


def test_the_winner_is_that_of_two_level_gumbel_max_in_float64():
    """The token is that of the definition in float64, given the same float32 noise."""
    rows = np.stack([normal(300, scale, seed) for seed in range(60) for scale in (0.5, 3.0)])
    rows = np.where(np.random.default_rng(1).random(rows.shape) < 0.3, -np.inf, rows)
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(len(rows)))
    count = -(-rows.shape[1] // BLOCK)

    @jax.jit
    @jax.vmap
    def both(key, row):
        token_noise = gumbel(key, 0, jnp.arange(rows.shape[1], dtype=jnp.uint32))
        return draw(key, row), token_noise, gumbel(key, 1, jnp.arange(count, dtype=jnp.uint32))

    judged = 0
    drawn = [np.asarray(x) for x in both(keys, np.float32(rows))]
    for row, token, inner, outer in zip(np.float32(rows), *drawn, strict=True):
        expected, gap = oracles.draw(row, inner.astype(float), outer.astype(float), BLOCK)
        if gap > 1e-4:  # below this, rounding may decide
            judged += 1
            assert token == expected
    assert judged > 100


MINUS_ONE = {
    "empty": [-np.inf] * 5,
    "nan": [0.0, np.nan, 1.0],
    "all nan": [np.nan] * 3,
    "nan beside -inf": [np.nan, -np.inf],
    "nan beside +inf": [np.inf, np.nan],
    "one empty token": [-np.inf],
}


@pytest.mark.parametrize("name", MINUS_ONE)
def test_an_invalid_row_draws_minus_one(name):
    token = jax.jit(draw)(KEY, jnp.asarray(MINUS_ONE[name], jnp.float32))
    assert (token.dtype, token.shape, int(token)) == (jnp.int32, (), -1)


def test_only_kept_tokens_are_drawn():
    row = np.full(200, -np.inf, np.float32)
    row[[3, 199]] = -1e4, -1e4
    assert set(draws(2, row, thousands=1)) == {3, 199}
    row[3] = 3e38
    assert set(draws(2, row, thousands=1)) == {3}
    row[3] = -np.inf
    assert set(draws(2, row, thousands=1)) == {199}


def test_infinite_maxima_share_the_draws():
    row = np.zeros(2 * BLOCK, np.float32)
    row[[1, 70, BLOCK + 9]] = np.inf
    tokens = draws(4, row, thousands=10)
    assert p_value(tokens, np.isin(np.arange(2 * BLOCK), (1, 70, BLOCK + 9)) / 3) > FALSE_ALARM


def test_extreme_logits_are_drawn_without_nan():
    row = np.where(np.arange(BLOCK + 2) % 2 == 0, 3e38, -3e38).astype(np.float32)
    tokens = draws(5, row, thousands=1)
    assert (tokens % 2 == 0).all() and len(np.unique(tokens)) > 50


def test_a_shift_of_the_row_changes_no_token():
    """Logits in eighths and a shift of 16 are exact in float32."""
    row = jnp.round(normal(200, 2) * 8) / 8
    np.testing.assert_array_equal(draws(6, row, thousands=1), draws(6, row + 16, thousands=1))


def test_narrow_rows_draw_as_their_float32_values():
    row = normal(200, 2, dtype=jnp.bfloat16)
    wide = row.astype(jnp.float32)
    np.testing.assert_array_equal(draws(6, row, thousands=1), draws(6, wide, thousands=1))


def test_jit_vmap_and_a_loop_agree():
    rows = jnp.stack([normal(300, 2, seed) for seed in range(5)])
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(5))
    together = jax.jit(jax.vmap(draw))(keys, rows)
    looped = jax.jit(lambda k, x: jax.lax.map(lambda a: draw(*a), (k, x)))(keys, rows)
    eager = [int(draw(keys[i], rows[i])) for i in range(2)]
    np.testing.assert_array_equal(together, looped)
    np.testing.assert_array_equal(together[:2], eager)


def test_more_vocabulary_of_no_mass_changes_no_token():
    """Padding a row with -inf changes no draw."""
    row = np.asarray(normal(150, 2))
    padded = np.concatenate([row, np.full(333, -np.inf, np.float32)])
    np.testing.assert_array_equal(draws(9, row, thousands=1), draws(9, padded, thousands=1))


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, 0, 0))
def whole_and_some(key, row, tokens):
    below = row - jnp.max(row)
    whole = blocks(below, -jnp.inf)
    block, same = draw_block(key, whole), draw_block_of(key, below[tokens], tokens)
    return block, same, draw_inside(key, block, of_block(whole, block))


@pytest.mark.parametrize("count", [1, 2, 40, 64])
def test_the_kept_tokens_alone_draw_what_the_whole_row_draws(count):
    """The tokens come in any order, and those after the first `count` are dropped."""
    rng, size = np.random.default_rng(count), 20 * BLOCK + 5
    tokens = np.stack([rng.choice(size, 64, replace=False) for _ in range(200)]).astype(np.int32)
    rows = np.full((200, size), -np.inf, np.float32)
    for i, scale in enumerate(np.tile([0.0, 1.0, 5.0, 100.0], 50)):
        rows[i, tokens[i, :count]] = scale * rng.standard_normal(count)
    keys = jax.random.split(KEY, 200)
    whole, some, drawn = map(np.asarray, whole_and_some(keys, rows, tokens))
    np.testing.assert_array_equal(whole, some)
    np.testing.assert_array_equal(drawn // BLOCK, whole)
    assert np.isfinite(rows[np.arange(200), drawn]).all()
    assert len(np.unique(drawn)) > 100


@pytest.mark.parametrize("depth", [8, 20, 40])
def test_unlikely_blocks_are_drawn_as_exactly_as_likely_ones(depth):
    """The draw of log-weights does not depend on their height; eighths and shifts are exact."""
    below = jnp.round(normal(5 * BLOCK, 2) * 8) / 8
    below = blocks(below - jnp.max(below), -jnp.inf)
    keys = jax.random.split(KEY, 2000)
    many = jax.jit(jax.vmap(draw_block, in_axes=(0, None)))
    likely, unlikely = many(keys, below), many(keys, below - depth)
    # exp is rounded, and sums of masses with it; a token in 2000 may lie on such an edge.
    assert np.sum(likely != unlikely) <= 1


@pytest.mark.parametrize("shape", [(), (2, 8)])
def test_any_other_rank_says_vmap(shape):
    with pytest.raises(ValueError, match=r"jax\.vmap"):
        draw(KEY, jnp.zeros(shape))
