"""The study of the EDT paper: quality and diversity under fixed and dynamic temperature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from jaxsample.decode._combiners import KLTemperature
from jaxsample.study.draw._data import Item
from jaxsample.study.draw._settings import Setting, grid
from jaxsample.study.draw._source import Source
from jaxsample.study.measure._cost import Cost, costs
from jaxsample.study.measure._measures import COLUMNS, measure
from jaxsample.study.protocols._edt_instances import instances
from jaxsample.study.protocols._protocol import Drawn, Options, Part, Plan, Protocol
from jaxsample.study.show._cells import quality_point, summary
from jaxsample.study.show._folder import cell, chart, table
from jaxsample.study.show._texts import side_by_side
from jaxsample.study.show.charts._curves import front_chart, line_chart
from jaxsample.study.show.charts._marks import heat_map
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.temperatures._temperature import EntropyTemperature, Temperature

FIXED = 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4
T0 = 0.4, 0.7, 1.0, 1.3, 1.6
THETA = 0.05, 0.2, 0.5, 1.0, 2.0
HOTTEST = 0.7, 1.0, 1.3  # the temperatures of KLTemperature
SIGMA = 0.5, 2.0
QUICK = {"fixed": (0.4, 1.0, 1.4), "t0": (0.7, 1.3), "theta": (0.2, 1.0), "sigma": (1.0,)}
FAMILIES = "fixed temperature", "EDT", "KL-guided", "yours"
SHOWN = "rouge_l", "bleu", "self_bleu", "sampler_entropy", "perplexity", "kept"
SENSITIVE = {"rouge_l": "ROUGE-L F1 (%)", "self_bleu": "Self-BLEU (%)", "eda": "EDA (%)"}
TEXTS = 6  # the number of prompts whose texts are shown
ABOUT = """
Every setting writes several texts for every prompt. Quality is the overlap of a text with its
references. Diversity is high if the texts of one prompt overlap little with each other. EDT
computes the temperature of every token from the entropy of the model at that token:
T = T0 * 0.8 ** (theta / H).
"""


def edt_settings(items: Sequence[Item], quick: bool = False) -> dict[str, list[Setting]]:
    """Return the settings of each family; KL-guided ones if every item has its `without`."""
    some = QUICK if quick else {"fixed": FIXED, "t0": T0, "theta": THETA, "sigma": SIGMA}
    found = {
        FAMILIES[0]: grid("T {t}", lambda t: chain(Temperature(t)), t=some["fixed"]),
        FAMILIES[1]: grid(
            "EDT {t0}, {theta}",
            lambda t0, theta: chain(EntropyTemperature(t0, theta)),
            t0=some["t0"],
            theta=some["theta"],
        ),
    }
    if all(item.without is not None for item in items):
        found[FAMILIES[2]] = [
            Setting(f"KL {t}, {sigma}", chain(), KLTemperature(t, sigma))
            for t in (HOTTEST[1:2] if quick else HOTTEST)
            for sigma in some["sigma"]
        ]
    return found


def edt(
    source: Source, items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Compare fixed, entropy-dependent and KL-guided temperatures on prompts with references.

    It draws 8 texts of each prompt and setting, 4 if quick.

    Args:
        source: the model with its tokenizer.
        items: prompts with references; with their `without`, KL-guided temperature takes part.
        out: the folder for results.json, rows.jsonl, tables and plots; an interrupted study resumes
            there.
        **options: see `Options`; it takes `settings` and `weight`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if an item has no reference, or an argument makes no sense.

    Reference: Zhang et al., 2024, https://arxiv.org/abs/2403.14541

    >>> [len(some) for some in edt_settings([Item("1", "Once")]).values()]
    [7, 25]
    """
    return EDT.run([source], items, out, **options)


class _Measured(NamedTuple):
    drawn: Drawn
    values: dict[str, dict[str, np.ndarray]]
    costs: list[Cost]


def _referenced(items: Sequence[Item]) -> list[Item]:
    bare = [item.id for item in items if not item.references]
    if bare:
        raise ValueError(f"quality needs references, and item {bare[0]!r} has none")
    return list(items)


def _families(plan: Plan) -> dict[str, list[Setting]]:
    found = edt_settings(plan.items, plan.quick)
    if plan.settings:
        found[FAMILIES[3]] = list(plan.settings)
    return found


def _draws(plan: Plan) -> list[Setting]:
    return [setting for some in _families(plan).values() for setting in some]


def _measures(plan: Plan, drawn: Drawn) -> _Measured:
    families = _families(plan)
    compared = [families[FAMILIES[0]][0], families[FAMILIES[1]][0]]
    compared += families.get(FAMILIES[2], [])[:1]
    timed = costs(drawn.source, compared, rounds=5 if plan.quick else 21)
    return _Measured(drawn, measure(drawn.rows, plan.items), timed)


def _shows(plan: Plan, measured: list[_Measured]) -> Part:
    ((drawn, values, timed),) = measured
    families, items = _families(plan), plan.items
    every = _draws(plan)
    family = {setting.name: name for name, some in families.items() for setting in some}
    rows: list[dict[str, Any]] = [
        {"setting": s.name, "family": family[s.name]} | summary(values[s.name], SHOWN, plan.weight)
        for s in every
    ]
    best = [
        min((row for row in rows if row["family"] == name), key=lambda row: row["eda"]["value"])
        for name in families
    ]
    heads = {"setting": ("setting", None), "family": ("family", None)}
    heads |= {"eda": ("EDA, lower is better", "%")} | {name: COLUMNS[name] for name in SHOWN}
    tables, plots = instances(drawn.rows, items, families[FAMILIES[0]])
    chosen = [next(s for s in every if s.name == row["setting"]) for row in best]
    texts = side_by_side(drawn.source, chosen, items[:TEXTS], drawn.rows)
    return {
        "tables": [
            table(
                "settings",
                "All settings",
                f"Means over {len(items)} prompts with {plan.samples} texts each, and 95% "
                "bootstrap intervals over prompts.",
                heads,
                rows,
            ),
            table(
                "best",
                "The best of each family",
                "The setting with the lowest EDA. It was chosen by these numbers, so they look a "
                "little better than they are, most of all in large families.",
                heads,
                best,
            ),
            *tables,
            _cost(timed),
        ],
        "charts": [
            *_charts(rows),
            *_sensitivity(rows, families[FAMILIES[1]]),
            *plots,
            _trace(texts[0]),
        ],
        "texts": texts,
        "notes": [
            f"EDA weighs quality by {plan.weight}. It is reported because the paper does. It is "
            "not a proper score: even a calibrated model has its best EDA away from T = 1.",
            "EDT uses the entropy of the raw model (T = 1), in nats, before any filter.",
        ],
    }


def _charts(rows):
    points = [quality_point(row) for row in rows]
    points.sort(key=lambda point: (FAMILIES.index(point["family"]), point["x"]))
    spec = front_chart(points, "Self-BLEU (%), lower is more diverse", "ROUGE-L F1 (%)")
    caption = (
        "Quality against self-similarity, with one point for each setting. Up and to the left is "
        "better."
    )
    return [chart("front", "Quality and diversity", caption, spec)]


def _sensitivity(rows, settings):
    of = {row["setting"]: row for row in rows}
    found = []
    for name, title in SENSITIVE.items():
        cells = [
            {
                "x": float(setting.sampler[0].t0),
                "y": float(setting.sampler[0].theta),
                "value": of[setting.name][name]["value"],
            }
            for setting in settings
        ]
        spec = heat_map([_rounded(c) for c in cells], "T0", "theta", title)
        caption = f"{title} of EDT over T0 and theta."
        found.append(chart(f"sensitivity_{name}", f"Sensitivity of EDT: {title}", caption, spec))
    return found


def _rounded(point):
    return point | {name: round(point[name], 6) for name in ("x", "y")}


def _cost(timed):
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


def _trace(text):
    points = [
        {"x": at, "y": t, "series": sample["setting"]}
        for sample in text["samples"]
        for at, t in enumerate(sample["temperature"])
        if t is not None
    ]
    caption = "The temperature at every token of the texts of the first prompt, where it is known."
    spec = line_chart(points, "token", "temperature")
    return chart("trace", "Temperature along a text", caption, spec)


EDT = Protocol(
    name="edt",
    title="Quality and diversity under fixed and entropy-dependent temperature",
    about=ABOUT,
    draws=_draws,
    measures=_measures,
    shows=_shows,
    samples=(8, 4),
    prompts=(32, 8),
    takes=frozenset({"settings", "weight"}),
    reads=_referenced,
)
