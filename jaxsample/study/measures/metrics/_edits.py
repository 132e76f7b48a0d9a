"""The edit distance of two texts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from jaxsample.study.measures.metrics._extra import need


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Return the Levenshtein distance of two texts over the length of the longer, in 0..1.

    0 for equal texts, also for two empty ones; 1 if the texts have no part in common.

    Args:
        a, b: two strings, which are compared by characters, or two lists of words or token ids.

    Raises:
        ImportError: if the extra `study` is not installed.

    >>> round(edit_distance("kitten", "sitting"), 6)
    0.428571
    >>> edit_distance(["a", "big", "dog"], ["a", "dog"]) == 1 / 3
    True
    """
    return float(need("rapidfuzz.distance").Levenshtein.normalized_distance(a, b))
