"""ROUGE-L and BLEU compared with the packages that define them."""

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from jaxsample.study import bleu, rouge_l
from tests.study.test_self_bleu import draw_texts

TEXTS = [
    *draw_texts(30, 15),
    "",
    "The CAT, the cat; the -- cat!",
    "Ünïcode naïve 北京",
    "same here",
]
REFERENCES = [
    [*draw_texts(1 + i % 3, 12, seed=i), *(["same here"] if i == 33 else [])]
    for i in range(len(TEXTS))
]


def test_rouge_l_is_that_of_rouge_score():
    scorer = RougeScorer(["rougeL"])
    expected = [
        100 * scorer.score_multi(group, text)["rougeL"].fmeasure
        for text, group in zip(TEXTS, REFERENCES, strict=True)
    ]
    got = rouge_l(TEXTS, REFERENCES)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    assert got.max() == 100.0 and got.min() == 0.0


def test_bleu_of_a_corpus_and_of_each_text_are_those_of_sacrebleu():
    got = bleu(TEXTS, REFERENCES)
    columns = [[g[i] if i < len(g) else None for g in REFERENCES] for i in range(4)]
    assert got.corpus == sacrebleu.corpus_bleu(TEXTS, columns).score
    pairs = zip(TEXTS, REFERENCES, strict=True)
    assert list(got.sentences) == [sacrebleu.sentence_bleu(t, g).score for t, g in pairs]


@pytest.mark.parametrize("metric", [rouge_l, bleu])
def test_a_missing_reference_is_named(metric):
    with pytest.raises(ValueError, match="text 1 has no reference"):
        metric(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match=r"references\[0\] is one string"):
        metric(["a"], ["a"])
    with pytest.raises(ValueError, match="2 texts cannot have 1 lists"):
        metric(["a", "b"], [["a"]])


def test_no_texts():
    assert rouge_l([], []).shape == (0,)
    with pytest.raises(ValueError, match="at least one text"):
        bleu([], [])
