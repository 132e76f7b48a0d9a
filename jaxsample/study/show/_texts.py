"""Texts of a study with data on every token, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxsample.interop import Transcript
from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.measures._temperatures import temperatures


def side_by_side(
    source: Source,
    settings: Sequence[Setting],
    items: Sequence[Item],
    rows: Sequence[Row],
) -> list[dict[str, Any]]:
    """Return the first text of each setting for each item, with data on every token.

    "probabilities" are those of the model, "entropy" is in nats, and "temperature" comes from
    `temperatures`. It is None where it cannot be known, for example for a setting with a combiner.
    """
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((row["setting"], row["item"]), row)
    prompts = [source.encode(item.prompt) for item in items]
    shown: list[list[dict[str, Any]]] = [[] for _ in items]
    for setting in settings:
        its = [first[setting.name, item.id] for item in items]
        tokens = [row["tokens"] for row in its]
        found: list[Any] = [None] * len(its)
        if setting.combiner is None:
            found = temperatures(source, setting.sampler, prompts, tokens)
        for at, (row, trace) in enumerate(zip(its, found, strict=True)):
            shown[at].append(
                {
                    "setting": setting.name,
                    "pieces": pieces(source, prompts[at], row["tokens"]),
                    "probabilities": np.exp(row["model_logprobs"]).round(5).tolist(),
                    "entropy": np.round(row["entropy"], 4).tolist(),
                    "temperature": _told(trace, len(row["tokens"])),
                }
            )
    return [
        {
            "item": item.id,
            "prompt": item.prompt,
            "reference": item.references[0] if item.references else None,
            "samples": samples,
        }
        for item, samples in zip(items, shown, strict=True)
    ]


def pieces(source: Source, prompt: Sequence[int], tokens: Sequence[int]) -> list[str]:
    """Return the text that each token adds. Bytes that stay incomplete go to the last token."""
    transcript = Transcript(source.tokenizer, prompt)
    found = [transcript.add(token) for token in tokens]
    if found:
        found[-1] += transcript.rest()
    return found


def _told(trace, length):
    if trace is None:
        return [None] * length
    return [None if np.isnan(t) else round(float(t), 4) for t in trace]
