"""Measures of each text of the creativity study, alone and against its exemplar."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.measures._proxies import centrality, shared_words
from jaxsample.study.measures.metrics import cosine, edit_distance, mean_entropy, perplexity

Judge = Callable[[list[list[int]]], Mapping[str, Any]]

MEASURES: dict[str, tuple[str, str | None]] = {
    "words": ("novelty proxy: edits, words", "share"),
    "characters": ("novelty proxy: edits, characters", "share"),
    "cosine": ("cosine to the exemplar", None),
    "central": ("typicality proxy: cosine to the other texts", None),
    "shared": ("cohesion proxy: words of the sentence before", "share"),
    "perplexity": ("perplexity under the model", None),
    "entropy": ("entropy of the model", "nats/token"),
    "length": ("length", "tokens"),
}
"""The title and the unit of every measure."""

JUDGED: dict[str, tuple[str, str | None]] = {
    "likelihood": ("typicality proxy: likelihood", "nats/token"),
    "agreement": ("cohesion proxy: facts that agree", "share"),
    "grammatical": ("coherence proxy: grammatical", "share"),
    "read": ("readable by the grammar", "share"),
}
"""The titles and units of the measures of `judge` functions; other names are their own titles."""


def compare(
    source: Source,
    rows: Sequence[Row],
    items: Sequence[Item],
    exemplars: Mapping[str, int],
    embeddings: np.ndarray,
    judge: Judge | None = None,
) -> dict[str, np.ndarray]:
    """Measure every text alone and against the exemplar of its item.

    Args:
        source: the model with its tokenizer.
        rows: N rows of a sweep.
        items: the prompts of the sweep.
        exemplars: for each item, the index of its exemplar's row.
        embeddings: `[N, D]`, a row of NaN for a text without an embedding.
        judge: a function from N lists of token ids, prompt and text, to arrays `[N]` by name.

    Returns:
        A dict from the names of `MEASURES` and of the judge's measures to `[N]` float64; NaN where
        a measure does not apply.

    Raises:
        ValueError: if the judge uses the name of another measure, or an array is not `[N]`.
    """
    own = [exemplars[row["item"]] for row in rows]
    texts = [row["text"] for row in rows]
    words = [text.split() for text in texts]
    found: dict[str, Any] = {
        "words": [edit_distance(a, words[i]) for a, i in zip(words, own, strict=True)],
        "characters": [edit_distance(a, texts[i]) for a, i in zip(texts, own, strict=True)],
        "cosine": cosine(embeddings, embeddings[own]),
        "central": centrality(embeddings, texts, [row["item"] for row in rows]),
        "shared": [shared_words(text) for text in texts],
        "perplexity": [perplexity([row["model_logprobs"]]) for row in rows],
        "entropy": [mean_entropy([row["entropy"]]) for row in rows],
        "length": [len(row["tokens"]) for row in rows],
    }
    if judge is not None:
        prompts = {item.id: source.encode(item.prompt) for item in items}
        judged = judge([prompts[row["item"]] + row["tokens"] for row in rows])
        if both := set(judged) & set(found):
            raise ValueError(f"the judge's {sorted(both)[0]!r} is the name of another measure")
        found |= judged
    arrays = {name: np.asarray(values, np.float64) for name, values in found.items()}
    for name, values in arrays.items():
        if values.shape != (len(rows),):
            raise ValueError(f"{name!r} has shape {list(values.shape)}, not [{len(rows)}]")
    return arrays


def embedded(embedder: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> np.ndarray:
    """Return the embeddings `[N, D]` of the texts, a row of NaN for an empty text.

    Raises:
        ValueError: if every text is empty.
    """
    some = [i for i, text in enumerate(texts) if text]
    if not some:
        raise ValueError("every text is empty, so there is nothing to compare")
    vectors = np.asarray(embedder([texts[i] for i in some]), np.float64)
    found = np.full((len(texts), vectors.shape[1]), math.nan)
    found[some] = vectors
    return found
