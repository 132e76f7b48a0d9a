"""ROUGE-L and BLEU of texts against their references, in percent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxsample.study.measures.metrics._extra import need

References = Sequence[str]


class Bleu(NamedTuple):
    """BLEU of a corpus and of each of its texts, in 0..100.

    Attributes:
        corpus: BLEU of all texts together; this is not the mean of `sentences`.
        sentences: `[N]`, BLEU of each text alone.

    >>> bleu(["a cat sat"], [["a cat sat"]]).sentences
    array([100.])
    """

    corpus: float
    sentences: np.ndarray


def rouge_l(texts: Sequence[str], references: Sequence[References]) -> np.ndarray:
    """Return the ROUGE-L F1 of each text with the best of its references, in 0..100.

    The values are those of the rouge-score package, times 100, with its words: lower case, only
    letters and digits, no stemming. A text without words scores 0. That includes all text that is
    not in the Latin script, where the package finds no words.

    Args:
        texts: N texts.
        references: one or more references for each text.

    Returns:
        `[N]` float64.

    Raises:
        ValueError: if a text has no reference, or the two lengths differ.
        ImportError: if the extra `study` is not installed.

    Reference: Lin, 2004, https://aclanthology.org/W04-1013

    >>> rouge_l(["a big dog ran"], [["the dog ran", "a cat"]])
    array([57.14285714])
    """
    check(texts, references)
    words = need("rouge_score.tokenizers").DefaultTokenizer().tokenize
    # rapidfuzz finds the same longest common subsequence a hundred times faster.
    common = need("rapidfuzz.distance").LCSseq.similarity
    mean = need("rouge_score.scoring").fmeasure
    known: dict[str, list[str]] = {}

    def f1(text, reference):
        if reference not in known:
            known[reference] = words(reference)
        other = known[reference]
        if not text or not other:
            return 0.0
        shared = common(text, other)
        return mean(shared / len(text), shared / len(other))

    best = [
        max(f1(own, reference) for reference in group)
        for own, group in zip(map(words, texts), references, strict=True)
    ]
    return 100.0 * np.asarray(best, np.float64)


def bleu(texts: Sequence[str], references: Sequence[References]) -> Bleu:
    """Return the SacreBLEU of the texts, together and one by one, in 0..100.

    The tokenizer is 13a and the smoothing is exponential, the defaults of sacrebleu. A single text
    only counts the orders of n-grams that it is long enough for, as in sacrebleu's `sentence_bleu`.

    Args:
        texts: N texts.
        references: one or more references for each text; the numbers may differ.

    Raises:
        ValueError: if there are no texts, a text has no reference, or the two lengths differ.
        ImportError: if the extra `study` is not installed.

    Reference: Post, 2018, https://aclanthology.org/W18-6319

    >>> score = bleu(["the cat sat on the mat", "no"], [["the cat sat on a mat"], ["no"]])
    >>> round(score.corpus, 2), score.sentences.round(2)
    (54.11, array([ 53.73, 100.  ]))
    """
    if not texts:
        raise ValueError("BLEU needs at least one text")
    check(texts, references)
    BLEU = need("sacrebleu").BLEU
    alone = BLEU(effective_order=True)
    sentences = [
        alone.sentence_score(text, list(group)).score
        for text, group in zip(texts, references, strict=True)
    ]
    most = max(map(len, references))
    columns = [[group[i] if i < len(group) else None for group in references] for i in range(most)]
    # `force` silences a warning about tokenized text, which a model may well write.
    corpus = BLEU(force=True).corpus_score(list(texts), columns).score
    return Bleu(corpus, np.asarray(sentences, np.float64))


def check(texts: Sequence[str], references: Sequence[References]) -> None:
    """Raise ValueError unless every text has at least one reference."""
    if len(texts) != len(references):
        raise ValueError(f"{len(texts)} texts cannot have {len(references)} lists of references")
    for i, group in enumerate(references):
        if isinstance(group, str):
            raise ValueError(f"references[{i}] is one string; give a list of references per text")
        if not group:
            raise ValueError(f"text {i} has no reference; leave out items without one")
