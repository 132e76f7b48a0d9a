"""How far one text is from another, in edits."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from jaxsample.study.measure.metrics._extra import need


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Return the Levenshtein distance of two texts over the length of the longer, in 0..1.

    0 for the same text, 1 where no part could stay; 0 for two empty texts.

    Args:
        a, b: both strings, and it counts characters; or both lists of words or of token ids.

    Raises:
        ImportError: if the extra `study` is not installed.

    >>> round(edit_distance("kitten", "sitting"), 6)
    0.428571
    >>> edit_distance(["a", "big", "dog"], ["a", "dog"]) == 1 / 3
    True
    """
    return float(need("rapidfuzz.distance").Levenshtein.normalized_distance(a, b))
