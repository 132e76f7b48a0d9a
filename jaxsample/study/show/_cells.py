"""Table cells of means over prompts, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxsample.study.measures._statistics import Interval, mean, paired_difference
from jaxsample.study.measures.metrics import eda
from jaxsample.study.show._results_folder import cell

RESAMPLES = 2000


def interval_cell(found: Interval) -> dict[str, Any]:
    """Make a cell of an estimate and its interval, if the interval is known.

    >>> interval_cell(mean([1.0]))
    {'value': 1.0, 'ci': None}
    """
    return cell(found.value, None if np.isnan(found.low) else (found.low, found.high))


def mean_cell(values: np.ndarray) -> dict[str, Any]:
    """Make a cell of the mean over prompts `[I]`. NaN values are ignored."""
    return interval_cell(mean(values.tolist()))


def difference_cell(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Make a cell of the mean of the paired differences a - b `[I]` over prompts."""
    return interval_cell(paired_difference(a.tolist(), b.tolist()))


def summary(
    measured: Mapping[str, np.ndarray], names: Iterable[str], weight: float
) -> dict[str, Any]:
    """Make the cells of a setting: its measures by name, and EDA if quality was measured.

    EDA is computed from the two means. Its interval is a bootstrap over prompts that computes both
    means of each resample.
    """
    row = {name: mean_cell(measured[name]) for name in names}
    quality, similarity = measured["rouge_l"], measured["self_bleu"]
    both = ~(np.isnan(quality) | np.isnan(similarity))
    if both.any():
        row["eda"] = _aim(quality[both], similarity[both], weight)
    return row


def quality_point(row: Mapping[str, Any], quality: str = "rouge_l") -> dict[str, Any]:
    """Make the point of a table row in the chart of a measure of quality against Self-BLEU."""
    return {
        "x": row["self_bleu"]["value"],
        "y": row[quality]["value"],
        "x_ci": row["self_bleu"]["ci"],
        "y_ci": row[quality]["ci"],
        "family": row["family"],
        "setting": row["setting"],
    }


def _aim(quality, similarity, weight):
    indices = np.random.default_rng(0).integers(len(quality), size=(RESAMPLES, len(quality)))
    drawn = [
        eda(q, s, weight)
        for q, s in zip(quality[indices].mean(1), similarity[indices].mean(1), strict=True)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = eda(float(quality.mean()), float(similarity.mean()), weight)
    return cell(value, (float(low), float(high)) if len(quality) > 1 else None)
