"""Distinct n-grams, adjusted distinct tokens, and repetition of n-grams."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

Tokens = Sequence[Hashable]


def distinct(texts: Sequence[Tokens], n: int) -> float:
    """Return distinct-n: the number of different n-grams of all texts over the number of n-grams.

    In 0..1, higher is more diverse; NaN if no text has n tokens. It falls as texts get longer, so
    compare texts of the same length, or use `expectation_adjusted_distinct`.

    Args:
        texts: each a list of words or token ids; an n-gram lies within one text.
        n: the length of the n-grams.

    Raises:
        ValueError: if `n` is not an int >= 1.

    Reference: Li et al., 2016, https://arxiv.org/abs/1510.03055

    >>> distinct([["a", "b", "a"], ["a", "b"]], 1), distinct([["a", "b", "a"], ["a", "b"]], 2)
    (0.4, 0.6666666666666666)
    """
    every = [ngram for text in texts for ngram in ngrams(text, n)]
    return len(set(every)) / len(every) if every else float("nan")


def expectation_adjusted_distinct(texts: Sequence[Tokens], vocab_size: int) -> float:
    """Return the number of different tokens over the number expected of as many uniform draws.

    The value is distinct / (V (1 - ((V - 1) / V)^C)) for C tokens in all, which removes most of the
    effect of the length from distinct-1. It is about 1 if tokens are drawn uniformly from the
    vocabulary, and NaN for no tokens.

    Args:
        texts: each a list of words or token ids.
        vocab_size: V, the size of the vocabulary.

    Raises:
        ValueError: if there are more different tokens than `vocab_size`.

    Reference: Liu et al., 2022, https://arxiv.org/abs/2202.13587

    >>> round(expectation_adjusted_distinct([["a", "b"], ["a", "c"]], 10), 6)
    0.872347
    """
    every = [token for text in texts for token in text]
    different = len(set(every))
    if vocab_size < max(different, 1):
        raise ValueError(f"vocab_size must be at least {max(different, 1)}, got {vocab_size}")
    if not every:
        return float("nan")
    return different / (vocab_size * (1.0 - ((vocab_size - 1) / vocab_size) ** len(every)))


def repetition_rate(tokens: Tokens, n: int) -> float:
    """Return the share of a text's n-grams that occur earlier in the text.

    In 0..1; 0 if no n-gram occurs twice, NaN for fewer than n tokens.

    Args:
        tokens: the words or token ids of one text.
        n: the length of the n-grams.

    Raises:
        ValueError: if `n` is not an int >= 1.

    Reference: Welleck et al., 2020 (seq-rep-n), https://arxiv.org/abs/1908.04319

    >>> repetition_rate(["to", "be", "or", "not", "to", "be"], 2)
    0.2
    """
    every = list(ngrams(tokens, n))
    return (len(every) - len(set(every))) / len(every) if every else float("nan")


def ngrams(tokens: Tokens, n: int) -> Iterator[tuple[Hashable, ...]]:
    """Return the n-grams of a text in order.

    Raises:
        ValueError: if `n` is not an int >= 1.
    """
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n must be an int >= 1, got {n!r}")
    return zip(*(tokens[i:] for i in range(n)), strict=False)
