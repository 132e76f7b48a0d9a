"""A measure of lexical diversity that does not depend on the length of a text."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence


def mtld(words: Sequence[Hashable], threshold: float = 0.72) -> float:
    """Return the measure of textual lexical diversity, in words; higher is more diverse.

    A stretch of words ends when the share of different words in it falls to `threshold`. MTLD is
    the mean length of the stretches, where an incomplete last stretch counts in part, averaged over
    reading the text forward and backward. NaN for no words, infinite if all words are different.
    Words are compared as they are, so lower their case and drop punctuation first if you want to
    ignore them. MTLD is unreliable for texts below a hundred words.

    Args:
        words: the words of one text.
        threshold: a share of different words, in (0, 1).

    Raises:
        ValueError: if `threshold` is out of range.

    Reference: McCarthy and Jarvis, 2010, https://doi.org/10.3758/BRM.42.2.381

    >>> mtld("of the people by the people for the people".split())
    9.0
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must be in (0, 1), got {threshold}")
    if not words:
        return float("nan")
    factors = _factors(words, threshold), _factors(reversed(words), threshold)
    if not all(factors):  # no word occurs twice, in either direction
        return float("inf")
    return sum(len(words) / count for count in factors) / 2.0


def _factors(words: Iterable[Hashable], threshold: float) -> float:
    whole, seen, length = 0, set(), 0
    for word in words:
        seen.add(word)
        length += 1
        if len(seen) / length <= threshold:
            whole, seen, length = whole + 1, set(), 0
    share = len(seen) / length if length else 1.0
    return whole + (1.0 - share) / (1.0 - threshold)
