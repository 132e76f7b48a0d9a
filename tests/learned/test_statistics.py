"""The proof's statistics against cases worked by hand and laws that are known."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.experiments.learned.inference import draws, holm, interval, mean, means, sign_flip


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_mean_is_per_token():
    """Two seeds, units of 1 and 3 tokens: ((1 + 3) / 2 * 1 + (5 + 1) / 2 * 3) / 4."""
    assert mean(np.array([[1.0, 5.0], [3.0, 1.0]]), np.array([1, 3])) == 2.75


def test_resamples_of_two_units_have_their_three_values():
    """Units 0 and 1 of one token: means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4."""
    found = means(np.array([[0.0, 1.0]]), draws(1, np.ones(2), 40_000, rng()))
    values, counts = np.unique(found, return_counts=True)
    np.testing.assert_allclose(values, [0.0, 0.5, 1.0])
    assert stats.chisquare(counts, 40_000 * np.array([0.25, 0.5, 0.25])).pvalue > 1e-3


def test_a_long_unit_weighs_more_in_a_resample_too():
    """Drawn both once, units of 1 and 3 tokens with means 0 and 1 give 3/4."""
    found = means(np.array([[0.0, 1.0]]), draws(1, np.array([1, 3]), 1000, rng()))
    assert set(np.unique(found)) == {0.0, 0.75, 1.0}


def test_seeds_and_units_are_crossed():
    """Values a_k + b_u: a resample has the variance of the seeds plus that of the units."""
    a, b = rng(1).normal(size=5), rng(2).normal(size=40)
    found = means(a[:, None] + b, draws(5, np.ones(40), 40_000, rng()))
    assert found.mean() == pytest.approx(a.mean() + b.mean(), abs=0.01)
    assert found.var() == pytest.approx(a.var() / 5 + b.var() / 40, rel=0.05)


def test_an_arm_without_seeds_is_paired_with_one_that_has():
    """An arm that is another plus a constant: no resample tells them further apart or closer."""
    values = rng(1).exponential(size=(1, 30))
    weights = draws(5, rng(2).integers(1, 9, 30), 500, rng())
    np.testing.assert_allclose(
        means(np.repeat(values, 5, 0) + 0.25, weights) - means(values, weights), 0.25
    )


def test_what_is_infinite_is_infinite_where_it_is_drawn():
    weights = draws(1, np.ones(2), 100, rng())
    found = means(np.array([[1.0, np.inf]]), weights)
    np.testing.assert_array_equal(found, np.where(weights.units[:, 1] > 0, np.inf, 1.0))
    assert mean(np.array([[1.0, np.inf]]), np.ones(2)) == np.inf


def test_the_interval_covers_as_often_as_it_says():
    """Normal units, one seed: within what 400 trials allow, a little less for 60 units."""
    hits, noise = 0, rng(3)
    for _ in range(400):
        weights = draws(1, np.ones(60), 1000, noise)
        low, high = interval(means(noise.normal(size=(1, 60)), weights))
        hits += low <= 0 <= high
    assert 0.915 <= hits / 400 <= 0.975


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = rng(4).normal(size=(1, 400))
    low, high = interval(means(values, draws(1, np.ones(400), 20_000, rng())))
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.005)


def test_sign_flips_by_hand():
    """Of the 8 signs of (1, 2, 3) only all plus and all minus reach 6; (1, 2, -3) is least."""
    assert sign_flip(np.array([1.0, 2.0, 3.0]), 1000, rng()) == pytest.approx(2 / 8)
    assert sign_flip(np.array([1.0, 2.0, -3.0]), 1000, rng()) == 1.0


def test_drawn_flips_agree_with_counted_ones():
    values = rng(5).normal(0.3, 1.0, size=16)
    counted = sign_flip(values, 1, rng())
    # A seventeenth value of 0 has no sign, but makes the patterns too many to count.
    assert sign_flip(np.append(values, 0.0), 20_000, rng()) == pytest.approx(counted, abs=0.012)


def test_p_values_are_uniform_where_nothing_is_different():
    noise = rng(6)
    found = [sign_flip(noise.standard_t(3, size=25), 400, noise) for _ in range(400)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_an_infinite_difference_has_no_p_value():
    assert np.isnan(sign_flip(np.array([1.0, np.inf]), 10, rng()))


def test_holm_by_hand():
    """.01 x 3, .02 x 2, .04 x 1; and a larger p is never adjusted below a smaller one."""
    assert holm([0.02, 0.01, 0.04]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.03, 0.025]) == pytest.approx([0.05, 0.05])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
