"""Measures of the texts of every setting and prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._store import Row
from jaxsample.study.measures.metrics import (
    bleu,
    distinct,
    mean_entropy,
    mean_kept,
    perplexity,
    repetition_rate,
    rouge_l,
    self_bleu,
)

NGRAM = 4  # the n of the repetition rate

COLUMNS: dict[str, tuple[str, str | None]] = {
    "rouge_l": ("ROUGE-L F1", "%"),
    "bleu": ("BLEU of a sentence", "%"),
    "self_bleu": ("Self-BLEU", "%"),
    "distinct_2": ("distinct 2-grams", "share"),
    "sampler_entropy": ("entropy of the sampler", "nats/token"),
    "model_entropy": ("entropy of the model", "nats/token"),
    "perplexity": ("perplexity under the model", None),
    "kept": ("tokens kept", None),
    "repetition": ("repeated 4-grams", "share"),
    "length": ("length", "tokens"),
    "ended": ("ended by itself", "share"),
}
"""The title and the unit of every measure."""


def measure(rows: Sequence[Row], items: Sequence[Item]) -> dict[str, dict[str, np.ndarray]]:
    """Measure the texts of every setting and prompt.

    The entropy of the sampler is the mean of -log q over the drawn tokens, an unbiased estimate of
    the entropy of the distributions that they were drawn from. All texts of a prompt, over all
    seeds, make one value.

    Args:
        rows: the rows of a sweep.
        items: the prompts of the sweep; measures against references are NaN for items without one.

    Returns:
        For each setting, in the order of the rows, a dict from the measures' names to
        `[len(items)]` float64. NaN where a measure does not apply, such as Self-BLEU of one text.

    >>> row = {"setting": "a", "item": "0", "text": "so it goes", "tokens": [5, 6, 7],
    ...        "logprobs": [-1.0, -2.0, 0.0], "model_logprobs": [-1.0, -2.0, 0.0],
    ...        "entropy": [1.0, 1.0, 0.5], "kept": [4, 4, 1], "ended": True}
    >>> found = measure([row], [Item("0", "Once", ("so it went",))])["a"]
    >>> float(found["sampler_entropy"][0]), float(found["kept"][0])
    (1.0, 3.0)
    """
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    groups: dict[tuple[str, str], list[Row]] = {(s, i.id): [] for s in settings for i in items}
    for row in rows:
        groups[row["setting"], row["item"]].append(row)
    found = {}
    for setting in settings:
        each = [_measures(groups[setting, item.id], item) for item in items]
        found[setting] = {name: np.asarray([one[name] for one in each]) for name in COLUMNS}
    return found


def _measures(rows: Sequence[Row], item: Item) -> dict[str, float]:
    texts = [row["text"] for row in rows]
    tokens = [row["tokens"] for row in rows]
    if not rows:
        return dict.fromkeys(COLUMNS, math.nan)
    quality = dict.fromkeys(("rouge_l", "bleu"), math.nan)
    if item.references:
        references = [item.references] * len(texts)
        quality["rouge_l"] = float(np.mean(rouge_l(texts, references)))
        quality["bleu"] = float(np.mean(bleu(texts, references).sentences))
    return quality | {
        "self_bleu": self_bleu(texts) if len(texts) > 1 else math.nan,
        "distinct_2": distinct(tokens, 2),
        "sampler_entropy": -_mean(x for row in rows for x in row["logprobs"]),
        "model_entropy": mean_entropy([row["entropy"] for row in rows]),
        "perplexity": perplexity([row["model_logprobs"] for row in rows]),
        "kept": mean_kept([row["kept"] for row in rows]),
        "repetition": float(np.mean([repetition_rate(some, NGRAM) for some in tokens])),
        "length": float(np.mean([len(some) for some in tokens])),
        "ended": float(np.mean([row["ended"] for row in rows])),
    }


def _mean(values) -> float:
    values = list(values)
    return math.fsum(values) / len(values) if values else math.nan
