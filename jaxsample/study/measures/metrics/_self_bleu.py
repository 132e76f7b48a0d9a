"""Exact Self-BLEU in linear time."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Sequence

from jaxsample.study.measures.metrics._extra import need

ORDER = 4


def self_bleu(texts: Sequence[str], order: int = ORDER) -> float:
    """Return the mean BLEU of each text with all the others as its references, in 0..100.

    100 if all texts are equal, near 0 if no two texts share words; lower is more diverse. The value
    is exactly the mean of sacrebleu's `sentence_bleu` (tokenizer 13a, exponential smoothing,
    effective order). The time is linear in the number of words: to clip the counts of a text by its
    references, the two largest counts of an n-gram in any text are enough. An empty text scores 0,
    and is a reference of length 0 to the others.

    Args:
        texts: two or more texts.
        order: the length of the longest n-grams.

    Raises:
        ValueError: if there are fewer than two texts, or `order` is not an int >= 1.
        ImportError: if the extra `study` is not installed.

    Reference: Zhu et al., 2018, https://arxiv.org/abs/1802.01886

    >>> round(self_bleu(["the cat sat", "the cat ran", "a dog ran"]), 3)
    48.515
    """
    if len(texts) < 2:
        raise ValueError(f"self-BLEU compares texts: give two or more, got {len(texts)}")
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"order must be an int >= 1, got {order!r}")
    BLEU = need("sacrebleu").BLEU
    tokenize = BLEU().tokenizer
    tokens = [tokenize(text.rstrip()).split() for text in texts]
    counts = [_ngrams(words, order) for words in tokens]
    most = _two_largest(counts)
    closest = _closest_other([len(words) for words in tokens])

    def score(words, own):
        correct, total = [0] * order, [0] * order
        for ngram, count in own.items():
            first, second = most[ngram]
            total[len(ngram) - 1] += count
            correct[len(ngram) - 1] += min(count, second if count == first else first)
        return BLEU.compute_bleu(
            correct,
            total,
            len(words),
            closest(len(words)),
            smooth_method="exp",
            effective_order=True,
            max_ngram_order=order,
        ).score

    return sum(map(score, tokens, counts)) / len(texts)


def _ngrams(words: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(words[i : i + n]) for n in range(1, order + 1) for i in range(len(words) - n + 1)
    )


def _two_largest(counts: list[Counter]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return the largest and second largest count of each n-gram in a text; equal for a tie."""
    most: dict[tuple[str, ...], tuple[int, int]] = {}
    for own in counts:
        for ngram, count in own.items():
            first, second = most.get(ngram, (0, 0))
            most[ngram] = (count, first) if count > first else (first, max(second, count))
    return most


def _closest_other(lengths: list[int]) -> Callable[[int], int]:
    """Return a function from a text's length to the closest length of another text.

    At a tie it is the smaller one.
    """
    texts = Counter(lengths)
    ordered = sorted(texts)

    def closest(length):
        if texts[length] > 1:
            return length
        i = bisect.bisect_left(ordered, length)
        return min(
            ordered[max(i - 1, 0) : i] + ordered[i + 1 : i + 2], key=lambda x: abs(x - length)
        )

    return closest
