"""Scores of settings, and the best of n."""

import itertools

import numpy as np
import pytest

from benchmarks.experiments.learned import protocol
from benchmarks.experiments.learned.grids import FAMILIES, Scores, best_of, refined, scores
from benchmarks.experiments.learned.positions import left_by, positions, together
from benchmarks.experiments.learned.toys import toy

PLAN = protocol.load()
WORLD = toy("inverse", 60)
TEST = positions(WORLD, "test")


def test_both_tuned_arms_have_the_same_budget():
    assert {len(protocol.settings(PLAN["grids"][arm])) for arm in ("fixed", "edt")} == {240}
    assert len(PLAN["learned"]["configurations"]) <= 12


def test_settings_are_all_combinations():
    found = protocol.settings({"a": [1.0, 2.0], "b": [3.0, 4.0, 5.0]})
    assert [tuple(s.values()) for s in found] == list(itertools.product((1, 2), (3, 4, 5)))


def test_a_score_is_the_mean_divergence():
    tried = [{"t0": 0.9, "theta": theta, "p": 1.0} for theta in (-4.8, 0.0, 3.0)]
    found = scores("edt", tried, TEST, TEST).test
    wanted = [left_by(FAMILIES["edt"](**setting), TEST).mean() for setting in tried]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_a_filter_that_loses_support_is_infinitely_far():
    found = scores("fixed", [{"temperature": 1.0, "p": p} for p in (1.0, 0.5)], TEST, TEST)
    assert np.isfinite(found.test[0]) and found.test[1] == np.inf


def test_refining_finds_the_optimum_between_settings():
    world = toy("null", 60)
    found = refined("fixed", {"temperature": 1.0, "p": 1.0}, positions(world, "test"))
    assert found["temperature"] == pytest.approx(0.8, rel=2e-3)
    cut = {"temperature": 1.0, "p": 0.5}
    assert refined("fixed", cut, TEST) == cut


def test_best_of_n_is_that_of_all_choices():
    tuning, test = np.array([3.0, 1.0, 2.0, np.inf]), np.array([5.0, 2.0, 9.0, np.inf])
    curve = best_of(Scores([{}] * 4, tuning, test))
    for n in range(1, 5):
        chosen = [
            test[min(some, key=lambda i: tuning[i])] for some in itertools.combinations(range(4), n)
        ]
        assert curve["n"][n - 1] == n
        assert curve["mean"][n - 1] == pytest.approx(np.mean(chosen))
        lower = np.sort(chosen)[(len(chosen) - 1) // 2]
        assert curve["median"][n - 1] == pytest.approx(lower)


def test_parts_keep_their_units():
    both = together([positions(WORLD, "train"), TEST])
    assert len(both.sizes) == 30 + 20
    np.testing.assert_array_equal(both.per_unit(np.arange(50.0)), np.arange(50.0))
