"""The study that compares the presets for common tasks with plain sampling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from jaxsample.interop._presets import PRESETS, preset
from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.measures._by_prompt import COLUMNS, measure
from jaxsample.study.protocols._protocol import Drawn, Options, Part, Plan, Protocol
from jaxsample.study.show._cells import difference_cell, quality_point, summary
from jaxsample.study.show._results_folder import chart, table
from jaxsample.study.show._texts import side_by_side
from jaxsample.study.show.charts._curves import front_chart
from jaxsample.study.show.charts._marks import bar_chart
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.filters._truncation import TopP
from jaxsample.transforms.temperatures._temperature import Temperature

PLAIN = "plain"
QUALITY = "rouge_l", "bleu"
BARS = {
    "sampler_entropy": "Entropy of the sampler",
    "distinct_2": "Distinct 2-grams",
    "self_bleu": "Self-BLEU",
}
TEXTS = 6  # the number of prompts whose texts are shown
ABOUT = """
The presets are pairs of temperature and top-p that guides recommend for tasks. Here all of them
continue the same prompts, next to plain sampling (T = 1, nothing cut off), with several texts for
each prompt.
"""


def presets_settings() -> list[Setting]:
    """Return plain sampling and the presets; presets with the same pair are one setting."""
    names: dict[Any, list[str]] = {}
    for name, pair in PRESETS.items():
        names.setdefault(pair, []).append(name)
    plain = Setting(PLAIN, chain(Temperature(1.0), TopP(1.0)))
    return [plain, *(Setting(", ".join(some), preset(some[0])) for some in names.values())]


def presets(
    source: Source, items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Compare the presets of `jaxsample.interop.preset` with plain sampling.

    It draws 8 texts of each prompt and setting, 4 if quick.

    Args:
        source: the model with its tokenizer.
        items: prompts; quality and EDA are reported if some have references.
        out: the folder for results.json, rows.jsonl, tables and plots; an interrupted study resumes
            there.
        **options: see `Options`; it takes `settings` and `weight`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if an argument is invalid.

    >>> [setting.sampler for setting in presets_settings()][:2]
    [chain(Temperature(value=1.0), TopP(p=1.0)), chain(Temperature(value=0.2), TopP(p=0.1))]
    """
    return PRESET_COMPARISON.run([source], items, out, **options)


class _Measured(NamedTuple):
    drawn: Drawn
    values: dict[str, dict[str, np.ndarray]]


def _draws(plan: Plan) -> list[Setting]:
    return [*presets_settings(), *plan.settings]


def _measures(plan: Plan, drawn: Drawn) -> _Measured:
    return _Measured(drawn, measure(drawn.rows, plan.items))


def _shows(plan: Plan, measured: list[_Measured]) -> Part:
    ((drawn, values),) = measured
    items = plan.items
    referenced = any(item.references for item in items)
    names = [name for name in COLUMNS if referenced or name not in QUALITY]
    rows: list[dict[str, Any]] = [
        {"setting": name} | summary(of, names, plan.weight) for name, of in values.items()
    ]
    return {
        "tables": [
            _pairs(),
            _settings(rows, names, len(items), plan.samples, referenced),
            _differences(values, names),
        ],
        "charts": _charts(rows, referenced),
        "texts": side_by_side(drawn.source, _draws(plan), items[:TEXTS], drawn.rows),
        "notes": _notes(presets_settings(), items, referenced, plan.weight),
    }


def _pairs():
    heads = {"preset": ("preset", None), "temperature": ("temperature", None)}
    heads["top_p"] = ("top-p", None)
    rows = [{"preset": name} | pair._asdict() for name, pair in PRESETS.items()]
    caption = "Temperature is applied first, then top-p to the resulting probabilities."
    return table("presets", "The presets", caption, heads, rows)


def _settings(rows, names, items, samples, referenced):
    heads = {"setting": ("setting", None)} | {name: COLUMNS[name] for name in names}
    if referenced:
        heads["eda"] = ("EDA, lower is better", "%")
    caption = (
        f"Means over {items} prompts with {samples} texts each, and 95% bootstrap intervals over "
        "prompts."
    )
    return table("settings", "What the texts are like", caption, heads, rows)


def _differences(measured, names):
    rows = [
        {"setting": name} | {one: difference_cell(of[one], measured[PLAIN][one]) for one in names}
        for name, of in measured.items()
        if name != PLAIN
    ]
    caption = (
        "Means over prompts of a setting's value minus that of plain sampling on the same prompt, "
        "with 95% intervals. The intervals are not corrected for multiple comparisons."
    )
    heads = {"setting": ("setting", None)} | {name: COLUMNS[name] for name in names}
    return table("differences", "Differences from plain sampling", caption, heads, rows)


def _charts(rows, referenced):
    found = []
    for name, title in BARS.items():
        bars = []
        for row in rows:
            low, high = row[name]["ci"] or (None, None)
            value = row[name]["value"]
            bars.append({"name": row["setting"], "value": value, "low": low, "high": high})
        unit = f"{title} ({COLUMNS[name][1]})"
        caption = f"{title} of the texts of each setting, with 95% intervals over prompts."
        found.append(chart(name, title, caption, bar_chart(bars, unit, "setting")))
    if referenced:
        # Each preset is its own family, so that the legend names it and no line joins presets.
        points = [quality_point(row | {"family": row["setting"]}) for row in rows]
        spec = front_chart(points, "Self-BLEU (%), lower is more diverse", "ROUGE-L F1 (%)")
        caption = (
            "Quality against self-similarity, with one point for each setting. Up and to the left "
            "is better."
        )
        found.append(chart("front", "Quality and diversity", caption, spec))
    return found


def _notes(given, items, referenced, weight):
    shared = [setting.name for setting in given if ", " in setting.name]
    notes = [
        f"The presets {name.replace(', ', ' and ')} have the same values, so they are one setting "
        "here."
        for name in shared
    ]
    notes.append(
        "The prompts are the same for all presets, whatever the task of a preset. The study shows "
        "what a pair does to this model's text, not how well it serves its task."
    )
    if referenced:
        bare = sum(not item.references for item in items)
        notes.append(
            f"EDA weighs quality by {weight}. Even a calibrated model has its best EDA away from "
            "T = 1."
        )
        if bare:
            notes.append(
                f"{bare} of {len(items)} prompts have no reference. Quality and EDA are computed "
                "over the others."
            )
    else:
        notes.append("The prompts have no references, so quality is not measured.")
    return notes


PRESET_COMPARISON = Protocol(
    name="presets",
    title="Six presets and plain sampling, side by side",
    about=ABOUT,
    draws=_draws,
    measures=_measures,
    shows=_shows,
    samples=(8, 4),
    prompts=(32, 8),
    takes=frozenset({"settings", "weight"}),
)
