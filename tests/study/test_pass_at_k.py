"""The estimator of pass@k against its definition and its expectation."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from jaxsample.study import pass_at_k


@pytest.mark.parametrize("n, k", [(1, 1), (5, 1), (5, 3), (6, 6)])
def test_it_is_the_share_of_sets_that_hold_a_right_sample(n, k):
    for correct in range(n + 1):
        sets = list(combinations(range(n), k))
        share = np.mean([min(some) < correct for some in sets])  # the first `correct` are right
        np.testing.assert_allclose(pass_at_k(correct, n, k), share, rtol=1e-12)


@pytest.mark.parametrize("chance", [0.0, 0.03, 0.4, 1.0])
def test_it_is_unbiased(chance):
    """Its mean over the binomial number of right samples is 1 - (1 - chance)^k."""
    n, k, correct = 12, 8, np.arange(13)
    weights = [comb(n, c) * chance**c * (1 - chance) ** (n - c) for c in correct]
    mean = np.dot(weights, pass_at_k(correct, n, k))
    np.testing.assert_allclose(mean, 1 - (1 - chance) ** k, rtol=1e-12)


def test_problems_may_have_other_numbers_of_samples():
    found = pass_at_k(np.array([1, 1]), np.array([2, 4]), 2)
    np.testing.assert_allclose(found, [1.0, 0.5])


def test_large_numbers_do_not_overflow():
    found = pass_at_k(1, 100_000, 50_000)
    np.testing.assert_allclose(found, 0.5, rtol=1e-9)


@pytest.mark.parametrize(
    "correct, n, k, said",
    [(0, 4, 5, "k must be"), (0, 4, 0, "k must be"), (5, 4, 2, "correct must"), (-1, 4, 2, "corr")],
)
def test_nonsense_is_refused(correct, n, k, said):
    with pytest.raises(ValueError, match=said):
        pass_at_k(correct, n, k)
