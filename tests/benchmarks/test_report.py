"""Intervals and ratios of runs, and their tables."""

import json
import math

import numpy as np
import pytest

from benchmarks.harness.report import (
    faster,
    figures,
    median_interval,
    ratio,
    save,
    spanned,
    summary,
    table,
)


@pytest.mark.parametrize("n", [6, 9, 20, 40, 101])
def test_the_interval_covers_the_median_as_often_as_it_says(n):
    """The coverage of the order statistics k and n - k + 1 is binomial for any distribution."""
    values = list(range(n))
    low, high = median_interval(values)
    skipped = low
    assert high == n - 1 - skipped

    def outside(k):
        return 2 * sum(math.comb(n, i) for i in range(k + 1)) * 0.5**n

    assert outside(skipped) <= 0.05
    assert skipped + 1 >= n - skipped - 2 or outside(skipped + 1) > 0.05


def test_the_interval_covers_the_median_of_a_skewed_law():
    draws = np.random.default_rng(0).lognormal(size=(2000, 15))
    low, high = np.array([median_interval(row) for row in draws]).T
    assert 0.95 <= np.mean((low <= 1) & (high >= 1)) <= 0.98


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_runs_give_their_range(n):
    assert median_interval([float(i) for i in range(n)]) == (0.0, n - 1.0)


def test_separate_runs_have_a_ratio_however_wide():
    found = ratio([10.0, 20.0, 30.0], [1.0, 2.0, 3.0])
    assert found.value == 10
    assert found.low == pytest.approx(10 / 3) and found.high == 30


def test_overlapping_wide_runs_are_unclear():
    assert ratio([1.0, 2.0, 3.0], [1.5, 2.5, 3.5]) is None
    assert faster(None) == "unclear"


def test_overlapping_narrow_runs_are_a_tie():
    found = ratio([1.00, 1.01, 1.02], [1.01, 1.02, 1.03])
    assert found.value == pytest.approx(1.01 / 1.02)
    assert faster(found) == "even"


def test_one_stray_run_among_many_does_not_unsettle_a_ratio():
    steady = [1.0 + 0.001 * i for i in range(20)]
    assert ratio([*steady, 9.0], steady).value == pytest.approx(1.0, rel=0.01)


def test_no_runs_no_ratio():
    assert ratio([], [1.0]) is None


def test_ratios_in_words():
    assert faster(ratio([312.0] * 6, [1.0] * 6)) == "312x faster"
    assert faster(ratio([1.0] * 6, [1.5] * 6)) == "1.50x slower"


@pytest.mark.parametrize(
    "value, text",
    [(0.01234, "0.0123"), (1.5, "1.50"), (12.345, "12.3"), (1234567.0, "1 234 567"), (0.0, "0.0")],
)
def test_three_figures(value, text):
    assert figures(value) == text


def test_an_interval_is_written_behind_its_value():
    assert spanned(0.03051, [-0.0158, 0.0456]) == "0.0305 [-0.0158, 0.0456]"
    assert spanned(0.03051, (-0.0158, 0.0456), "+.2g") == "+0.031 [-0.016, +0.046]"
    assert spanned(0.03051, None) == "-"


def test_a_table_is_aligned():
    lines = table(["a", "b"], [["x", "10"], ["longer", "1"]]).splitlines()
    assert lines[0] == "a        b"
    assert lines[2:] == ["x       10", "longer   1"]


def test_results_are_json_with_an_arm_on_a_line(tmp_path):
    results = {"times": [1.5, 2e-6, 3.0], **summary([1.0, 2.0, 3.0]), "words": ["a, 1", "b"]}
    path = save(tmp_path / "new", results)
    assert json.loads(path.read_text()) == results
    assert "[ 1.5, 2e-06, 3.0 ]" in path.read_text()
