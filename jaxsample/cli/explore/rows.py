"""One row of the model, before and after each card, as the template shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxsample.cli.bars import percent
from jaxsample.cli.explain import name_of
from jaxsample.interop import Transcript
from jaxsample.show import Explanation, Stage, curve, entropy, numbers, probabilities
from jaxsample.study import Source

SHOWN = 30
NEAR = 64  # tokens of the text that the name of a token depends on


def view(
    source: Source, ids: Sequence[int], logits: np.ndarray, found: Sequence[Stage]
) -> dict[str, Any]:
    """Describe a row and the stages that it went through, and draw its picture.

    Args:
        source: the model.
        ids: the text before.
        logits: `[V]`, of the model.
        found: the stages of the chain.
    """
    logits = np.asarray(logits, np.float64)
    raw = probabilities(logits)
    columns = [raw, *(stage.after for stage in found)]
    tokens = likeliest(columns)
    highest = max(float(p[tokens].max()) for p in columns)
    near = list(ids)[-NEAR:]
    lines = [_line(source, near, int(t), columns, found, highest) for t in tokens]
    return {
        "stages": [_numbers(stage) for stage in found],
        "entropy": entropy(raw),
        "size": raw.size,
        "tokens": lines,
        "curve": curve(*(_sorted(p) for p in (raw, columns[-1])[: len(columns)])),
        "picture": Explanation(logits, found, tokens, [line["name"] for line in lines]).svg(),
    }


def likeliest(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the likeliest tokens of the first column, and those of the last that it hides."""
    first, last = (np.argsort(-p, kind="stable")[:SHOWN] for p in (columns[0], columns[-1]))
    added = [t for t in last[: SHOWN // 3] if columns[-1][t] > 0 and t not in set(first)]
    tokens = np.concatenate([first[: SHOWN - len(added)], np.asarray(added, first.dtype)])
    return tokens[np.argsort(-columns[0][tokens], kind="stable")]


def _sorted(probs):
    return np.sort(probs[probs > 0])[::-1].tolist()


def _numbers(stage):
    _, _, cut, temperature = numbers(stage)
    return {
        "label": stage.label,
        "entropy": entropy(stage.after),
        "kept": stage.kept,
        "cut": cut or "–",
        "temperature": temperature or "–",
    }


def _line(source, near, token, columns, found, highest):
    cells = []
    for place, probs in enumerate(columns):
        here, before = float(probs[token]), float(columns[max(place - 1, 0)][token])
        gone = place > 0 and not np.isfinite(found[place - 1].returned[token])
        cells.append(
            {
                "now": 100 * here / highest,
                "before": 100 * before / highest,
                "text": "cut" if gone else percent(here),
                "gone": gone,
            }
        )
    text = Transcript(source.tokenizer, near).add(token)
    return {"id": token, "name": name_of(source, near, token), "text": text, "cells": cells}
