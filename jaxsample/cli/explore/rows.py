"""One row of the model, before and after each card, as the template shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxsample.cli.bars import percent
from jaxsample.cli.explain import name_of
from jaxsample.interop import Transcript
from jaxsample.show import Stage, entropy, probabilities
from jaxsample.study import Source

SHOWN = 30
NEAR = 64  # tokens of the text that the name of a token depends on
POINTS = 160  # points of a curve
WIDTH, HEIGHT = 320.0, 150.0  # units of the drawing of the curves
FLOOR = -9.0  # the lowest power of ten that is drawn


def view(
    source: Source, ids: Sequence[int], logits: np.ndarray, found: Sequence[Stage]
) -> dict[str, Any]:
    """Describe a row and the stages that it went through.

    Args:
        source: the model.
        ids: the text before.
        logits: `[V]`, of the model.
        found: the stages of the chain.
    """
    raw = probabilities(np.asarray(logits, np.float64))
    columns = [raw, *(stage.after for stage in found)]
    tokens = likeliest(columns)
    highest = max(float(p[tokens].max()) for p in columns)
    near = list(ids)[-NEAR:]
    return {
        "stages": [_numbers(stage) for stage in found],
        "entropy": entropy(raw),
        "size": raw.size,
        "tokens": [_line(source, near, int(t), columns, found, highest) for t in tokens],
        "curves": {"before": curve(raw), "after": curve(columns[-1])},
        "ranks": _ranks(raw.size),
        "width": WIDTH,
        "height": HEIGHT,
        "floor": FLOOR,
    }


def likeliest(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the likeliest tokens of the first column, and those of the last that it hides."""
    first, last = (np.argsort(-p, kind="stable")[:SHOWN] for p in (columns[0], columns[-1]))
    added = [t for t in last[: SHOWN // 3] if t not in set(first)]
    tokens = np.concatenate([first[: SHOWN - len(added)], np.asarray(added, first.dtype)])
    return tokens[np.argsort(-columns[0][tokens], kind="stable")]


def curve(probs: np.ndarray) -> str:
    """Return the points of a sorted distribution, both axes on a log scale."""
    ordered = np.sort(probs[probs > 0])[::-1]
    ranks = np.unique(np.geomspace(1, len(ordered), POINTS).round().astype(int))
    x = WIDTH * np.log10(ranks) / np.log10(max(2, probs.size))
    y = HEIGHT * np.maximum(np.log10(ordered[ranks - 1]), FLOOR) / FLOOR
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)]
    if len(ordered) < probs.size:  # the cut
        points.append(f"{x[-1]:.1f},{HEIGHT:.1f}")
    return " ".join(points)


def _numbers(stage: Stage) -> dict[str, Any]:
    temperature = stage.temperature
    return {
        "label": stage.label,
        "entropy": entropy(stage.after),
        "kept": stage.kept,
        "cut": percent(stage.mass_cut) if stage.cut.any() else "–",
        "temperature": "–" if temperature is None else f"{temperature:.3g}",
        "summary": stage.summary,
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


def _ranks(size):
    powers = range(int(np.log10(size)) + 1)
    return [(WIDTH * power / np.log10(max(2, size)), f"{10**power:,}") for power in powers]
