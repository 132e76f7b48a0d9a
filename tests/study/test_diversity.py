"""Metrics of texts on cases worked by hand."""

import math

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from jaxsample.study import (
    distinct,
    eda,
    edit_distance,
    expectation_adjusted_distinct,
    mean_entropy,
    mean_kept,
    mtld,
    perplexity,
    repetition_rate,
    vendi,
)


def test_eda_is_the_distance_to_the_aim():
    assert eda(100, 0) == 0.0
    assert eda(0, 0) == 100.0
    assert eda(100, 100) == 100.0
    assert eda(0, 100) == pytest.approx(100 * math.sqrt(2))
    # 100 sqrt(2^2 0.2^2 + 0.3^2) = 100 sqrt(0.25)
    assert eda(80, 30, weight=2) == pytest.approx(50.0)
    with pytest.raises(ValueError, match="quality must be in 0..100"):
        eda(101, 0)
    with pytest.raises(ValueError, match="self_similarity"):
        eda(0, -1)
    with pytest.raises(ValueError, match="quality"):
        eda(math.nan, 0)
    with pytest.raises(ValueError, match="weight"):
        eda(0, 0, -1)


@pytest.mark.parametrize("spread, hotter", [(10.0, True), (1.0, False)])
def test_eda_is_not_a_proper_score(spread, hotter):
    """The best temperature of a calibrated model is 1, but its EDA is lowest elsewhere."""
    logits = spread * np.random.default_rng(0).normal(size=64)
    truth = np.exp(logits) / np.exp(logits).sum()

    def score(temperature):
        q = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
        return eda(100 * q @ truth, 100 * q @ q)

    temperatures = np.linspace(0.1, 4.0, 400)
    best = temperatures[np.argmin([score(t) for t in temperatures])]
    assert best > 1.2 if hotter else best < 0.8


def test_distinct_counts_over_all_texts_but_not_across_them():
    texts = [[1, 2, 1, 2], [2, 1], []]
    assert distinct(texts, 1) == 2 / 6
    assert distinct(texts, 2) == 2 / 4  # (1 2) twice, (2 1) twice; not the (2 2) between texts
    assert distinct(texts, 4) == 1.0
    assert math.isnan(distinct(texts, 5)) and math.isnan(distinct([], 1))
    for n in (0, 1.5):
        with pytest.raises(ValueError, match="n must be an int"):
            distinct(texts, n)


def test_expectation_adjusted_distinct_divides_by_the_expectation_of_uniform_draws():
    # Two draws from two tokens have 1.5 different tokens on average.
    assert expectation_adjusted_distinct([[0, 1]], 2) == pytest.approx(2 / 1.5)
    assert expectation_adjusted_distinct([[0], [0]], 2) == pytest.approx(1 / 1.5)
    assert expectation_adjusted_distinct([[0, 0]], 1) == 1.0
    rng = np.random.default_rng(0)
    for count in (50, 500, 5000):  # about 1 for any length
        even = expectation_adjusted_distinct([rng.integers(200, size=count).tolist()], 200)
        assert even == pytest.approx(1.0, abs=0.05)
    assert math.isnan(expectation_adjusted_distinct([[]], 5))
    with pytest.raises(ValueError, match="vocab_size must be at least 3"):
        expectation_adjusted_distinct([[0, 1, 2]], 2)


def test_repetition_rate_is_the_share_seen_before():
    assert repetition_rate([1, 2, 3], 1) == 0.0
    assert repetition_rate([1, 1, 1, 1], 1) == 3 / 4
    assert repetition_rate([1, 1, 1, 1], 2) == 2 / 3
    assert repetition_rate("abcab", 2) == 1 / 4
    assert math.isnan(repetition_rate([1], 2)) and math.isnan(repetition_rate([], 1))


def test_mtld_of_texts_worked_by_hand():
    # In both directions there is one whole stretch, and no word of the rest repeats.
    assert mtld("of the people by the people for the people".split()) == 9.0
    # 4 of 5 words differ: in both directions (1 - .8) / (1 - .72) of a stretch in 5 words.
    assert mtld("a b c d a".split()) == pytest.approx(7.0)
    # Forward "a a" is a whole stretch; backward the text is (1 - .8) / .28 of a stretch.
    assert mtld("a a b c d".split()) == pytest.approx((5 + 7) / 2)
    # A stretch ends exactly at the threshold: 3 of 4 words are different.
    assert mtld("a b c a".split(), 0.75) == 4.0
    assert mtld(["a"] * 10) == 2.0
    assert mtld("a b c".split()) == math.inf
    assert math.isnan(mtld([]))
    with pytest.raises(ValueError, match="threshold"):
        mtld(["a"], 1.0)


def test_vendi_counts_different_texts():
    assert vendi(np.eye(5)) == pytest.approx(5.0)
    assert vendi(np.ones((5, 5))) == pytest.approx(1.0)
    half = [[1, 0.5], [0.5, 1]]  # eigenvalues of K / 2: 3/4 and 1/4
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert vendi(half) == pytest.approx(math.exp(entropy))
    two_and_one = math.exp(math.log(3) - 2 / 3 * math.log(2))
    assert vendi(features=[[1, 0], [0, 5], [0, 1]]) == pytest.approx(two_and_one)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (4, 4)])
def test_vendi_of_features_is_that_of_their_cosines(shape):
    x = np.random.default_rng(1).normal(size=shape)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert vendi(features=x) == pytest.approx(vendi(unit @ unit.T))


def test_vendi_refuses_a_matrix_that_is_not_a_similarity():
    for kernel in ([[1, 2, 3]], [[1, 0], [1, 1]], [[2, 0], [0, 1]], np.zeros((0, 0))):
        with pytest.raises(ValueError, match="similarity must be"):
            vendi(kernel)
    with pytest.raises(ValueError, match="either"):
        vendi()
    with pytest.raises(ValueError, match="none of them zero"):
        vendi(features=[[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match=r"features must be \[n, D\]"):
        vendi(features=[1.0, 2.0])


def test_edit_distance_of_characters_words_and_ids():
    assert edit_distance("", "") == 0.0
    assert edit_distance("abc", "") == 1.0
    assert edit_distance("kitten", "sitting") == 3 / 7
    assert edit_distance("the cat sat".split(), "the dog sat down".split()) == 2 / 4
    assert edit_distance([70000, 1, 2], [1, 2]) == 1 / 3
    rng = np.random.default_rng(2)
    for _ in range(20):
        a, b = (rng.integers(4, size=rng.integers(1, 12)).tolist() for _ in range(2))
        assert edit_distance(a, b) == Levenshtein.distance(a, b) / max(len(a), len(b))


def test_numbers_per_token_are_pooled_over_tokens():
    assert perplexity([[math.log(1 / 8)], [], [math.log(1 / 2)] * 3]) == pytest.approx(8**0.5)
    assert perplexity([[-math.inf, -1.0]]) == math.inf
    assert perplexity([[-800.0]]) == math.inf
    assert mean_entropy([[1.0], [], [2.0, 6.0]]) == 3.0
    assert mean_kept([[1, 2], [6]]) == 3.0
    for metric in (perplexity, mean_entropy, mean_kept):
        assert math.isnan(metric([])) and math.isnan(metric([[], []]))
