"""The best temperature of each prompt, and what choosing by prompt gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._store import Row
from jaxsample.study.measures._statistics import mean
from jaxsample.study.measures.metrics import rouge_l
from jaxsample.study.show._results_folder import cell, chart, table
from jaxsample.study.show.charts._marks import bar_chart


def instances(
    rows: Sequence[Row], items: Sequence[Item], settings: Sequence[Setting]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Find the best setting of each prompt by ROUGE-L, and what choosing by prompt gains.

    The best of several noisy means is not always the best setting. So a setting is chosen on the
    texts of odd samples and judged on those of even samples, against the best setting for all
    prompts.

    Returns:
        A list of one table and a list of one chart.
    """
    scores = _scores(rows, items, settings)
    odd, even = scores[:, :, 1::2].mean(2), scores[:, :, 0::2].mean(2)
    # All choices break ties in favour of the first setting.
    own, common = odd.argmax(0), int(odd.mean(1).argmax())
    each = np.arange(len(items))
    gain = mean(even[own, each] - even[common])
    best = scores.mean(2).argmax(0)
    shares = [float((best == i).mean()) for i in range(len(settings))]
    counted = [
        {"setting": s.name, "share": round(100 * share, 2), "quality": float(scores[i].mean())}
        for i, (s, share) in enumerate(zip(settings, shares, strict=True))
    ]
    counted.append(
        {
            "setting": f"choice by prompt over {settings[common].name} for all, on other texts",
            "quality": cell(gain.value, (gain.low, gain.high)),
        }
    )
    heads = {
        "setting": ("setting", None),
        "share": ("best for this share of prompts", "%"),
        "quality": ("ROUGE-L F1, in the last row its gain", "%"),
    }
    caption = (
        "The share of prompts for which each fixed temperature has the highest ROUGE-L. The last "
        "row shows what a choice for each prompt gains over one temperature for all, on texts that "
        "were not used to choose."
    )
    bars = [{"name": one["setting"], "value": one["share"]} for one in counted[:-1]]
    spec = bar_chart(bars, "share of prompts (%)", "best fixed temperature")
    return (
        [table("instances", "Best temperature by prompt", caption, heads, counted)],
        [chart("instances", "Best temperature by prompt", caption.split(". ")[0] + ".", spec)],
    )


def _scores(rows, items, settings):
    """Return ROUGE-L `[settings, items, texts]`."""
    names = {s.name: i for i, s in enumerate(settings)}
    numbers = {item.id: i for i, item in enumerate(items)}
    found: list[list[list[float]]] = [[[] for _ in items] for _ in settings]
    ours = [row for row in rows if row["setting"] in names]
    references = [items[numbers[row["item"]]].references for row in ours]
    for row, score in zip(ours, rouge_l([r["text"] for r in ours], references), strict=True):
        found[names[row["setting"]]][numbers[row["item"]]].append(float(score))
    return np.asarray(found)
