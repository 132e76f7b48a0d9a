"""Intervals compared with scipy and with known truth, and at the edges."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxsample.study import correlation, holm, mean, paired_difference

# The ends of 4000 and 100,000 resamples differ by a few thousandths of a standard deviation.
MONTE_CARLO = 0.02


def test_the_interval_of_a_mean_is_the_percentile_bootstrap_of_scipy():
    x = np.random.default_rng(0).gamma(2.0, size=30)
    got = mean(x)
    theirs = stats.bootstrap((x,), np.mean, n_resamples=100_000, method="percentile", rng=1)
    assert got.value == pytest.approx(x.mean()) and got.n == 30
    expected = theirs.confidence_interval
    assert [got.low, got.high] == pytest.approx([expected.low, expected.high], abs=MONTE_CARLO)


def test_items_are_the_units():
    """Twenty copies of a value of an item do not make the interval narrower."""
    x = np.random.default_rng(1).normal(size=15)
    once = mean(x)
    assert mean(np.repeat(x, 20), items=np.repeat(np.arange(15), 20)) == pytest.approx(once)
    alone = mean(np.repeat(x, 20))
    assert alone.high - alone.low < (once.high - once.low) / 3
    # Every item has the same weight, however many values it has.
    assert mean([0.0, 0.0, 0.0, 4.0], items=["a", "a", "a", "b"]).value == 2.0


def covers(rng, seeds, items, interval):
    """Return whether an interval of crossed effects of items and seeds covers the true 0."""
    x = rng.normal(size=items)[None, :] + rng.normal(size=seeds)[:, None]
    x = x + 0.5 * rng.normal(size=(seeds, items))
    low, high = interval(x)
    return low <= 0 <= high


@pytest.mark.slow
def test_the_interval_over_seeds_and_items_covers_the_truth_of_both():
    seeds, items, repeats = 20, 40, 100
    labels = np.indices((seeds, items)).reshape(2, -1)

    def crossed(x):
        return mean(x.ravel(), seeds=labels[0], items=labels[1])[1:3]

    def items_alone(x):
        return mean(x.ravel(), items=labels[1])[1:3]

    rng = np.random.default_rng(2)
    got = np.mean([covers(rng, seeds, items, crossed) for _ in range(repeats)])
    # Three standard errors of 100 repeats below 95%; resampling only items covers 70%.
    assert got >= 0.88
    assert np.mean([covers(rng, seeds, items, items_alone) for _ in range(repeats)]) < 0.85


def test_a_seed_without_some_items_counts_as_a_seed():
    got = mean([1.0, 2.0, 5.0], seeds=[0, 0, 1], items=["a", "b", "a"])
    assert got.value == (1.5 + 5.0) / 2 and got.n == 2
    assert got.low >= 1.0 and got.high <= 5.0


def test_means_at_the_edges():
    none = mean([])
    assert math.isnan(none.value) and none.n == 0
    assert mean([math.nan, math.nan]).n == 0
    one = mean([3.0, 5.0], items=["a", "a"])
    assert (one.value, one.n) == (4.0, 1) and math.isnan(one.low) and math.isnan(one.high)
    assert math.isnan(mean([1.0, 2.0], items=[0, 1], seeds=[7, 7]).low)
    endless = mean([1.0, math.inf])
    assert endless.value == math.inf and math.isnan(endless.low)
    assert mean([2.0] * 5) == (2.0, 2.0, 2.0, 5)
    assert mean([1.0, math.nan, 3.0]) == mean([1.0, 3.0])
    with pytest.raises(ValueError, match="2 values, 1 items and 2 seeds"):
        mean([1.0, 2.0], items=[0])


def test_the_key_decides_the_resamples():
    x = np.random.default_rng(3).normal(size=12)
    assert mean(x, key=1) == mean(x, key=1) != mean(x, key=2)
    assert correlation(x, x**2, key=1) == correlation(x, x**2, key=1)


def test_a_paired_difference_does_not_see_what_both_share():
    rng = np.random.default_rng(4)
    hard = 100.0 * rng.normal(size=40)
    a, b = hard + 1.0 + rng.normal(size=40), hard + rng.normal(size=40)
    got = paired_difference(a, b)
    assert got == mean(a - b)
    assert 0.0 < got.low < got.value < got.high < 2.0
    shuffled = rng.permutation(40)
    pairs = paired_difference(a, b[shuffled], items_a=range(40), items_b=shuffled)
    assert pairs == pytest.approx(got)


def test_a_paired_difference_leaves_out_what_only_one_side_has():
    got = paired_difference(
        [1.0, 3.0, 9.0, 7.0], [1.0, math.nan, 4.0], items_a="aabc", items_b="abc"
    )
    assert got.value == ((2.0 - 1.0) + (7.0 - 4.0)) / 2 and got.n == 2
    with pytest.raises(ValueError, match="of both sides"):
        paired_difference([1.0], [1.0], items_a="a")
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference([1.0], [1.0, 2.0])


SCIPY = {"spearman": stats.spearmanr, "pearson": stats.pearsonr, "kendall": stats.kendalltau}


@pytest.mark.parametrize("method", SCIPY)
def test_correlations_are_those_of_scipy(method):
    rng = np.random.default_rng(5)
    x = np.round(rng.normal(size=40), 1)  # with ties
    y = np.round(0.5 * x + rng.normal(size=40), 1)
    got = correlation(x, y, method=method)
    expected = SCIPY[method](x, y)
    assert (got.value, got.p) == pytest.approx((expected.statistic, expected.pvalue))
    theirs = stats.bootstrap(
        (x, y),
        lambda *pair: SCIPY[method](*pair).statistic,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=6,
    ).confidence_interval
    assert (got.low, got.high) == pytest.approx((theirs.low, theirs.high), abs=2 * MONTE_CARLO)


@pytest.mark.slow
def test_the_interval_of_a_correlation_covers_the_truth():
    rng = np.random.default_rng(7)
    truth, found = 0.6, []
    for _ in range(200):
        x = rng.normal(size=50)
        y = truth * x + math.sqrt(1 - truth**2) * rng.normal(size=50)
        got = correlation(x, y, method="pearson")
        found.append(got.low <= truth <= got.high)
    assert 0.88 <= np.mean(found) <= 0.99


def test_correlations_at_the_edges():
    assert all(math.isnan(x) for x in correlation([1, 2], [1, 2])[:4])
    flat = correlation([1, 1, 1, 1], [1, 2, 3, 4])
    assert flat.n == 4 and math.isnan(flat.value) and math.isnan(flat.p)
    exact = correlation([1, 2, 3, 4], [2, 4, 6, 8])
    assert (exact.value, exact.low, exact.high) == pytest.approx((1.0, 1.0, 1.0))
    x, y = [1, 2, 3, 4, math.nan], [1, 3, 2, math.inf, 5]
    assert correlation(x, y).value == pytest.approx(0.8) and correlation(x, y).n == 4
    assert math.isnan(correlation(x, y, method="pearson").value)
    with pytest.raises(ValueError, match="method"):
        correlation([1, 2], [1, 2], method="tau")
    with pytest.raises(ValueError, match="x and y"):
        correlation([1, 2], [1, 2, 3])


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04 times 4 3 2 1 is .02 .03 .06 .04; made monotone, .02 .03 .06 .06.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    np.testing.assert_allclose(holm([math.nan, 0.02, 0.03]), [math.nan, 0.04, 0.04])
    assert holm([]).shape == (0,)
    with pytest.raises(ValueError, match="0..1"):
        holm([1.5])
