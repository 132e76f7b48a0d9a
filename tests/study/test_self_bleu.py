"""Self-BLEU compared with its definition, computed text by text by sacrebleu."""

import random
import sys

import pytest
import sacrebleu

from jaxsample.study import self_bleu

WORDS = "the a cat dog sat ran on mat. big, red 3.5 don't".split()


def naive(texts, order=4):
    bleu = sacrebleu.BLEU(effective_order=True, max_ngram_order=order)
    others = [texts[:i] + texts[i + 1 :] for i in range(len(texts))]
    scores = [bleu.sentence_score(*pair).score for pair in zip(texts, others, strict=True)]
    return sum(scores) / len(scores)


def draw_texts(count, longest, seed=0, words=WORDS):
    rng = random.Random(seed)
    return [" ".join(rng.choices(words, k=rng.randrange(longest + 1))) for _ in range(count)]


def texts_200():
    """Return texts with repeats, ties of counts and lengths, empty texts and a very long one."""
    texts = draw_texts(150, 12)
    texts += texts[:30] + ["", "   ", ""] + ["the the the", "the the the cat", "dog dog dog"]
    return texts + draw_texts(13, 3, seed=1) + [" ".join(WORDS * 9)]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_equals_the_definition(order):
    texts = texts_200()
    assert len(texts) == 200
    assert self_bleu(texts, order) == pytest.approx(naive(texts, order), abs=1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_definition_of_a_few_texts(seed):
    """With few texts and few words, leaving one out matters most."""
    count = 2 + seed % 6
    texts = draw_texts(count, 6, seed, words=["a", "b", "c"])
    assert self_bleu(texts) == pytest.approx(naive(texts), abs=1e-9)


@pytest.mark.parametrize("texts", [["", ""], ["a", ""], ["a", "a"], ["a b", "c d"], ["a"] * 3])
def test_equals_the_definition_at_the_edges(texts):
    assert self_bleu(texts) == pytest.approx(naive(texts), abs=1e-9)


@pytest.mark.slow
def test_hundreds_of_different_texts_equal_the_definition():
    texts = draw_texts(400, 10, words=[*WORDS, *map(str, range(60))])
    assert len(set(texts)) > 320
    assert self_bleu(texts) == pytest.approx(naive(texts), abs=1e-9)


def lines_run(texts):
    """Return how many lines of the module run, because times are noisy."""
    count = 0

    def local(frame, event, _):
        nonlocal count
        count += event == "line"
        return local

    file = self_bleu.__code__.co_filename
    before = sys.gettrace()
    sys.settrace(lambda frame, *_: local if frame.f_code.co_filename == file else None)
    try:
        self_bleu(texts)
    finally:
        sys.settrace(before)
    return count


def test_the_work_grows_with_the_number_of_texts_and_not_faster():
    texts = draw_texts(800, 10)
    once, twice, four = (lines_run(texts[:count]) for count in (200, 400, 800))
    words = [sum(len(t.split()) for t in texts[:count]) for count in (200, 400, 800)]
    assert once > words[0]
    assert twice / once < 1.1 * words[1] / words[0]
    assert four / twice < 1.1 * words[2] / words[1]


def test_one_text_has_no_others():
    with pytest.raises(ValueError, match="two or more, got 1"):
        self_bleu(["a b"])
    with pytest.raises(ValueError, match="order"):
        self_bleu(["a", "b"], order=0)


def test_the_order_of_the_texts_does_not_matter():
    texts = texts_200()
    assert self_bleu(texts[::-1]) == pytest.approx(self_bleu(texts), abs=1e-9)
