"""Proxies for ratings of texts that need no grammar of the texts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

END = re.compile(r"(?<=[.!?])[\s\"'”’]+")
LETTERS = 4  # of a word that counts; most shorter ones are in every sentence


def centrality(embeddings: np.ndarray, texts: Sequence[str], items: Sequence[str]) -> np.ndarray:
    """Return the cosine between each text and the mean of the other texts of its item.

    Equal texts of an item count once. Vectors are normalised before the mean.

    Args:
        embeddings: `[N, D]`, a row of NaN for a text without an embedding.
        texts, items: N texts, and the item of each.

    Returns:
        `[N]`, NaN for a text without an embedding, and for a text without others.

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    >>> centrality(vectors, ["a", "a", "b", "c"], ["x"] * 4).round(3)
    array([0.383, 0.383, 0.383, 1.   ])
    """
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = np.full(len(texts), math.nan)
    for item in set(items):
        first: dict[str, int] = {}
        here = [i for i in range(len(texts)) if items[i] == item and np.all(np.isfinite(units[i]))]
        for i in here:
            first.setdefault(texts[i], i)
        if len(first) < 2:
            continue
        total = np.sum(units[list(first.values())], axis=0)
        for i in here:
            others = total - units[first[texts[i]]]
            found[i] = units[i] @ others / np.linalg.norm(others)
    return found


def shared_words(text: str) -> float:
    """Return the share of the words of a sentence that the sentence before has, on average.

    Words of fewer than four letters do not count, nor does upper case. It is NaN for a text of one
    sentence.

    >>> shared_words("A fox saw some grapes. The grapes were sour! Nobody laughed.")
    0.16666666666666666
    """
    sentences = [set(re.findall(rf"\w{{{LETTERS},}}", s.lower())) for s in END.split(text)]
    pairs = [(a, b) for a, b in zip(sentences, sentences[1:], strict=False) if b]
    return float(np.mean([len(a & b) / len(b) for a, b in pairs])) if pairs else math.nan
