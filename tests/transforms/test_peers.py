"""Defects measured in other JAX libraries; each test names the defect it keeps out."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain, draw
from tests.statistics import FALSE_ALARM, draws, p_value

KEYS = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(2), i))(jnp.arange(64))


def kept(sampler, row):
    out = jax.jit(lambda s, x: s(x))(sampler, jnp.asarray(row, jnp.float32))
    return np.flatnonzero(np.asarray(out) > -np.inf).tolist()


def test_rows_with_a_temperature_each_do_not_share_their_noise():
    """Vmapping over a temperature per row while closing over the key gave all rows one sequence."""
    one = lambda key, t: draw(key, Temperature(t)(jnp.zeros(1000)))  # noqa: E731
    tokens = jax.jit(jax.vmap(one))(KEYS, jnp.linspace(0.5, 2.0, 64))
    # 64 draws from 1000 tokens: 62 distinct are expected, 40 would be a miracle.
    assert len(np.unique(tokens)) > 50


def test_bfloat16_rows_are_drawn_without_bias_through_a_filter():
    """Noise in bfloat16 and ties to the first index: .49 of total variation at V = 32000."""
    row = jnp.asarray(3 * np.random.default_rng(0).standard_normal(64), jnp.bfloat16)
    expected = np.exp(np.float64(row) - np.float64(row).max())
    tokens = draws(1, chain(Temperature(1.0), TopP(1.0))(row))
    assert p_value(tokens, expected / expected.sum()) > FALSE_ALARM


def test_a_min_p_after_top_k_does_not_undo_it():
    """A min-p that wrote 0 in place of its mask brought every token top-k had dropped back."""
    row = -np.arange(1.0, 9.0)
    assert kept(TopK(2), row) == [0, 1]
    assert kept(chain(TopK(2), MinP(0.0)), row) == [0, 1]
    assert kept(chain(TopK(2), MinP(0.1)), row) == [0, 1]
    assert kept(chain(TopK(2), MinP(0.9)), row) == [0]


def test_min_p_compares_probabilities_not_logits():
    """`logit >= p * max logit` masks all of a negative row, and keeps e**-10 of a positive one."""
    assert kept(MinP(0.1), [-1.0, -2.0, -3.0, -4.0]) == [0, 1, 2]
    assert kept(MinP(0.1), [20.0, 19.0, 10.0, 1.0]) == [0, 1]


def test_small_distributions_are_drawn_without_bias():
    """A multiplicative hash for noise gave .031 where .125 was due."""
    tokens = draws(5, jnp.log(jnp.array([0.5, 0.25, 0.125, 0.125])))
    assert p_value(tokens, [0.5, 0.25, 0.125, 0.125]) > FALSE_ALARM


def test_top_p_at_temperature_zero_is_greedy():
    """0 / 0 made the draw return the last token, always."""
    row = jnp.array([1.0, 5.0, 2.0, 0.0])
    for sampler in (
        Temperature(0.0),
        chain(Temperature(0.0), TopP(0.9)),
        chain(TopP(0.9), Temperature(0.0)),
        chain(EntropyTemperature(0.0, 0.5), MinP(0.1)),
    ):
        tokens = jax.jit(jax.vmap(draw, (0, None)))(KEYS, sampler(row))
        assert set(np.asarray(tokens).tolist()) == {1}


def test_a_temperature_alone_still_draws():
    """A temperature without top-p was silently greedy."""
    row = jnp.array([1.0, 1.1, 0.9, 1.0])
    tokens = jax.jit(jax.vmap(draw, (0, None)))(KEYS, Temperature(0.8)(row))
    assert len(np.unique(tokens)) == 4


def test_top_p_keeps_the_token_that_crosses():
    """`cumulative <= p` drops the crossing token and keeps .7 of the mass where .8 was asked."""
    row = np.log([0.4, 0.3, 0.2, 0.1])
    assert kept(TopP(0.8), row) == [0, 1, 2]
    assert kept(TopP(0.69), row) == [0, 1]


def test_top_p_adds_no_token_where_the_mass_is_reached_exactly():
    """`cumulative <= p`, shifted, keeps one token more where the mass equals p exactly."""
    row = np.log2([0.5, 0.25, 0.125, 0.125]) * np.float64(np.log(2))
    # The masses are dyadic; only exp rounds, so ask a hair to either side of the edge as well.
    assert kept(TopP(0.5), np.array([0.0, -np.inf, 0.0])) == [0, 2]
    assert kept(TopP(0.499), row) == [0]
    assert kept(TopP(0.501), row) == [0, 1]
    assert kept(TopP(0.75), np.repeat(0.0, 4)) == [0, 1, 2, 3]


def test_top_p_of_zero_keeps_the_best_token():
    """`exclusive sum < p` keeps nothing at p = 0."""
    assert kept(TopP(0.0), [0.0, 2.0, 1.0]) == [1]
    assert kept(TopP(0.0), [2.0, 2.0, 1.0]) == [0, 1]
    assert kept(TopP(jnp.float32(-1.0)), [0.0, 2.0, 1.0]) == [1]


def test_ties_at_the_edge_do_not_depend_on_position():
    """A top-k that sorts keeps the lowest ids of a tie; bisection keeps them all."""
    row = [1.0, 2.0, 1.0, 3.0, 1.0]
    assert kept(TopK(3), row) == [0, 1, 2, 3, 4]
    assert kept(TopK(3), row[::-1]) == [0, 1, 2, 3, 4]
    assert kept(TopK(2), row) == [1, 3]
    assert kept(TopP(0.9), row) == [0, 1, 2, 3, 4]


def test_the_last_tokens_of_a_flat_bfloat16_row_are_kept():
    """A bfloat16 running sum passes 1 long before the row ends and cuts the rest."""
    row = jnp.asarray(np.linspace(0, 1e-2, 4096), jnp.bfloat16)
    assert len(kept(TopP(1.0), row)) == 4096
    share = len(kept(TopP(0.9), row.astype(jnp.float32))) / 4096
    assert 0.85 < share < 0.99


def test_a_mask_before_a_temperature_leaves_its_gradient_finite():
    """-inf / t**2 * 0 is NaN; so is the entropy of a masked row, and its gradient."""
    row = jnp.array([1.0, 0.5, -2.0, 0.0])
    for build in (
        lambda t: chain(TopK(2), Temperature(t)),
        lambda t: chain(TopK(2), EntropyTemperature(t, 0.5)),
        lambda t: chain(TopK(1), EntropyTemperature(1.0, t)),
    ):
        run = jax.jit(jax.grad(lambda t, b=build: jax.nn.log_softmax(b(t)(row))[0]))
        assert np.isfinite(run(0.7))
