"""Tables and charts of the EDT study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.study.draw._settings import Setting
from jaxsample.study.measures._cost import Cost
from jaxsample.study.protocols._edt_families import FAMILIES
from jaxsample.study.show._cells import quality_point
from jaxsample.study.show._results_folder import cell, chart, table
from jaxsample.study.show.charts._curves import front_chart, line_chart
from jaxsample.study.show.charts._marks import heat_map

QUALITY = {"rouge_l": "ROUGE-L F1", "bleu": "BLEU of a sentence"}
SENSITIVE = {"rouge_l": "ROUGE-L F1 (%)", "self_bleu": "Self-BLEU (%)", "eda": "EDA (%)"}

Rows = Sequence[Mapping[str, Any]]


def front(rows: Rows, quality: str) -> dict[str, Any]:
    """Plot a measure of quality against self-similarity, a line for each family."""
    points = [quality_point(row, quality) for row in rows]
    points.sort(key=lambda point: (FAMILIES.index(point["family"]), point["x"]))
    spec = front_chart(points, "Self-BLEU (%), lower is more diverse", f"{QUALITY[quality]} (%)")
    caption = (
        "Quality against self-similarity, with one point for each setting. Up and to the left is "
        "better."
    )
    name = "front" if quality == "rouge_l" else f"front_{quality}"
    return chart(name, f"Diversity and quality by {QUALITY[quality]}", caption, spec)


def sensitivity(rows: Rows, settings: Sequence[Setting]) -> list[dict[str, Any]]:
    """Plot quality, self-similarity and EDA of the EDT settings over T0 and theta."""
    of = {row["setting"]: row for row in rows}
    found = []
    for name, title in SENSITIVE.items():
        cells = []
        for setting in settings:
            sampler: Any = setting.sampler  # a chain of one EntropyTemperature
            point = {"x": round(float(sampler[0].t0), 6), "y": round(float(sampler[0].theta), 6)}
            cells.append(point | {"value": of[setting.name][name]["value"]})
        spec = heat_map(cells, "T0", "theta", title)
        caption = f"{title} of EDT over T0 and theta."
        found.append(chart(f"sensitivity_{name}", f"Sensitivity of EDT: {title}", caption, spec))
    return found


def cost_table(timed: Sequence[Cost]) -> dict[str, Any]:
    """Make the table of the time of a token."""
    rows = [
        {
            "setting": one.setting,
            "milliseconds": round(one.milliseconds, 4),
            "ratio": cell(one.ratio, (one.low, one.high)),
        }
        for one in timed
    ]
    heads = {
        "setting": ("setting", None),
        "milliseconds": ("time per step", "ms"),
        "ratio": ("ratio to the first", None),
    }
    caption = (
        "Median time of a step with 8 rows. Ratios are taken within a round and shown with their "
        "quartiles. KL-guided temperature calls the model for two streams."
    )
    return table("cost", "Cost per token", caption, heads, rows)


def trace(text: Mapping[str, Any]) -> dict[str, Any]:
    """Plot the temperature at every token of the texts of a prompt."""
    points = [
        {"x": at, "y": t, "series": sample["setting"]}
        for sample in text["samples"]
        for at, t in enumerate(sample["temperature"])
        if t is not None
    ]
    caption = "The temperature at every token of the texts of the first prompt, where it is known."
    spec = line_chart(points, "token", "temperature")
    return chart("trace", "Temperature along a text", caption, spec)
