"""Intervals and p-values against cases worked by hand and known laws."""

import numpy as np
import pytest

from benchmarks.experiments.learned.inference import (
    interval,
    median_interval,
    per_token,
    sign_flip,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def half(ends):
    return (ends[1] - ends[0]) / 2


def test_the_mean_is_per_token():
    """Two seeds, units of 1 and 3 tokens: ((1 + 3) / 2 * 1 + (5 + 1) / 2 * 3) / 4."""
    assert per_token(np.array([[1.0, 5.0], [3.0, 1.0]]), np.array([1, 3])) == 2.75


def test_units_of_one_size_have_the_interval_of_a_mean():
    values = rng(4).normal(size=(1, 400))
    low, high = interval(values, np.ones(400))
    half = 1.96 * values.std() / 20
    # The end of an interval over 4,000 resamples has a standard deviation of 0.002.
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.008)


def test_a_long_unit_counts_by_its_tokens():
    """The interval is that of a ratio of means, known from the delta method."""
    values, sizes = rng(4).normal(size=(1, 400)), rng(5).integers(1, 9, 400)
    middle = per_token(values, sizes)
    spread = np.std((values - middle) * sizes) / np.mean(sizes) / 20
    assert interval(values, sizes) == pytest.approx(
        [middle - 1.96 * spread, middle + 1.96 * spread], abs=0.02
    )


def test_seeds_and_units_are_crossed():
    """Values a_k + b_u: the variance is that of the seeds plus that of the units."""
    a, b = rng(1).normal(size=5), rng(2).normal(size=40)
    found = half(interval(a[:, None] + b, np.ones(40)))
    assert found == pytest.approx(1.96 * np.sqrt(a.var() / 5 + b.var() / 40), rel=0.1)


def test_a_constant_difference_has_no_spread():
    found = interval(np.full((5, 30), 0.25), rng(2).integers(1, 9, 30))
    np.testing.assert_allclose(found, 0.25)


def test_an_infinite_mean_has_no_interval():
    values = np.array([[1.0, np.inf]])
    assert per_token(values, np.ones(2)) == np.inf
    assert interval(values, np.ones(2)) is None


def test_the_interval_of_a_median_covers_it_by_seeds_and_units():
    """Normal values: the median of N has a standard error of sqrt(pi / 2 N)."""
    values = rng(3).normal(size=(1, 600))
    low, high = median_interval(values, np.arange(600), seed=0)
    assert low <= np.median(values) <= high
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(np.pi / 1200), rel=0.25)
    # Values of one unit come and go together, so the same values in few units are less sure.
    wide = median_interval(np.sort(values), np.arange(600) // 60, seed=0)
    assert half(wide) > 2 * half([low, high])


def test_sign_flips_by_hand():
    """Of the 8 signs of (1, 2, 3) only all plus and all minus reach 6; (1, 2, -3) is least."""
    assert sign_flip(np.array([1.0, 2.0, 3.0]), 1000, 0) == pytest.approx(2 / 8)
    assert sign_flip(np.array([1.0, 2.0, -3.0]), 1000, 0) == 1.0


def test_drawn_flips_agree_with_counted_ones():
    values = rng(5).normal(0.3, 1.0, size=16)
    counted = sign_flip(values, 2**16, 0)
    # A seventeenth value of 0 has no sign, but makes the patterns too many to count.
    assert sign_flip(np.append(values, 0.0), 20_000, 0) == pytest.approx(counted, abs=0.012)
