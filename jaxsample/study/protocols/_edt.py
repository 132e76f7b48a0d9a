"""The protocol of the EDT paper: quality against diversity, by fixed and by dynamic temperature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxsample.decode._combiners import KLTemperature
from jaxsample.study.draw._data import Item
from jaxsample.study.draw._settings import Setting, grid
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._sweep import sweep
from jaxsample.study.measure._measures import COLUMNS, measure
from jaxsample.study.protocols._cost import costs
from jaxsample.study.protocols._instances import instances
from jaxsample.study.show._cells import quality_point, summary
from jaxsample.study.show._folder import cell, chart, results, table, write
from jaxsample.study.show._texts import side_by_side
from jaxsample.study.show.charts._curves import front_chart, line_chart
from jaxsample.study.show.charts._marks import heat_map
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.temperatures._temperature import EntropyTemperature, Temperature

FIXED = 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4
T0 = 0.4, 0.7, 1.0, 1.3, 1.6
THETA = 0.05, 0.2, 0.5, 1.0, 2.0
HOTTEST = 0.7, 1.0, 1.3  # of KL-guided temperature
SIGMA = 0.5, 2.0
QUICK = {"fixed": (0.4, 1.0, 1.4), "t0": (0.7, 1.3), "theta": (0.2, 1.0), "sigma": (1.0,)}
FAMILIES = "fixed temperature", "EDT", "KL-guided", "yours"
SHOWN = "rouge_l", "bleu", "self_bleu", "sampler_entropy", "perplexity", "kept"
SENSITIVE = {"rouge_l": "ROUGE-L F1 (%)", "self_bleu": "Self-BLEU (%)", "eda": "EDA (%)"}
TEXTS = 6  # prompts whose texts are shown
ABOUT = """
Every setting writes several texts for every prompt. Quality is the overlap of a text with its
references, diversity how little the texts of one prompt overlap with each other. EDT chooses the
temperature anew for every token from the entropy of the model there: T = T0 * 0.8 ** (theta / H).
"""


def edt_settings(items: Sequence[Item], quick: bool = False) -> dict[str, list[Setting]]:
    """Return the settings of each family; KL-guided ones where every item has its `without`."""
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
    source: Source,
    items: Sequence[Item],
    out: str | Path,
    *,
    settings: Sequence[Setting] = (),
    samples: int | None = None,
    max_new_tokens: int | None = None,
    weight: float = 1.0,
    batch_size: int = 128,
    quick: bool = False,
    command: str = "jaxsample.study.edt",
    progress: bool = False,
) -> dict[str, Any]:
    """Compare fixed, entropy-dependent and KL-guided temperatures on prompts with references.

    Args:
        source: the model with its tokenizer.
        items: prompts with references; with their `without`, KL-guided temperature takes part.
        out: a folder for results.json, rows.jsonl, tables and plots; what is there is gone on with.
        settings: more chains to compare.
        samples: texts per prompt and setting, 2 or more; 8 by default, 4 if quick.
        max_new_tokens: see `sweep`.
        weight: of quality in EDA; see `eda`.
        batch_size: rows decoded at once.
        quick: fewer settings, and shorter timing.
        command: what the results say they were made by.
        progress: show a bar.

    Returns:
        what was written to results.json.

    Raises:
        ValueError: if an item has no reference, or an argument makes no sense.

    Reference: Zhang et al., 2024, https://arxiv.org/abs/2403.14541

    >>> [len(some) for some in edt_settings([Item("1", "Once")]).values()]
    [7, 25]
    """
    bare = [item.id for item in items if not item.references]
    if bare:
        raise ValueError(f"quality needs references, and item {bare[0]!r} has none")
    samples = (4 if quick else 8) if samples is None else samples
    if samples < 2:
        raise ValueError(f"diversity needs 2 or more samples of a prompt, got {samples}")
    families = edt_settings(items, quick)
    if settings:
        families[FAMILIES[3]] = list(settings)
    every = [setting for some in families.values() for setting in some]
    family = {setting.name: name for name, some in families.items() for setting in some}
    made = sweep(
        source,
        every,
        items,
        samples=samples,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        out=out,
        progress=progress,
    )
    measured = measure(made.rows, items)
    found = results(
        source,
        "edt",
        "Quality and diversity under fixed and entropy-dependent temperature",
        ABOUT,
        command=command,
        quick=quick,
    )
    rows: list[dict[str, Any]] = [
        {"setting": s.name, "family": family[s.name]} | summary(measured[s.name], SHOWN, weight)
        for s in every
    ]
    best = [
        min((row for row in rows if row["family"] == name), key=lambda row: row["eda"]["value"])
        for name in families
    ]
    heads = {"setting": ("setting", None), "family": ("family", None)}
    heads |= {"eda": ("EDA, lower is better", "%")} | {name: COLUMNS[name] for name in SHOWN}
    found["tables"] += [
        table(
            "settings",
            "All settings",
            f"Means over {len(items)} prompts, with 95% intervals of "
            f"a bootstrap over them; {samples} texts of each.",
            heads,
            rows,
        ),
        table(
            "best",
            "The best of each family",
            "The setting with the lowest EDA, chosen on the numbers shown: each is a little "
            "flattered, those of large families more.",
            heads,
            best,
        ),
    ]
    found["charts"] += _charts(rows)
    found["charts"] += _sensitivity(rows, families[FAMILIES[1]])
    tables, plots = instances(made.rows, items, families[FAMILIES[0]])
    found["tables"] += tables
    found["charts"] += plots
    found["tables"].append(_cost(source, families, quick))
    chosen = [next(s for s in every if s.name == row["setting"]) for row in best]
    found["texts"] = side_by_side(source, chosen, items[:TEXTS], made.rows)
    found["charts"].append(_trace(found["texts"][0]))
    found["notes"] += [
        f"EDA weighs quality by {weight}; it is reported because the paper does, and is no proper "
        "score: even a calibrated model gets its best EDA away from T = 1.",
        "The entropy in EDT is of the raw model (T = 1), in nats, before any filter.",
    ]
    write(out, found)
    return found


def _charts(rows):
    points = [quality_point(row) for row in rows]
    points.sort(key=lambda point: (FAMILIES.index(point["family"]), point["x"]))
    spec = front_chart(points, "Self-BLEU (%), lower is more diverse", "ROUGE-L F1 (%)")
    caption = (
        "Quality against self-similarity, a point for each setting; up and to the left is better."
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


def _cost(source, families, quick):
    compared = [families[FAMILIES[0]][0], families[FAMILIES[1]][0]]
    compared += families.get(FAMILIES[2], [])[:1]
    timed = costs(source, compared, rounds=5 if quick else 21)
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
        "ratio": ("of the first", None),
    }
    caption = (
        "A step of 8 rows, medians; ratios are taken within a round, with their quartiles. "
        "KL-guided temperature calls the model for two streams."
    )
    return table("cost", "Cost per token", caption, heads, rows)


def _trace(text):
    points = [
        {"x": at, "y": t, "series": sample["setting"]}
        for sample in text["samples"]
        for at, t in enumerate(sample["temperature"])
        if t is not None
    ]
    caption = "The temperature at every token of the first prompt's texts, where there is one."
    spec = line_chart(points, "token", "temperature")
    return chart("trace", "Temperature along a text", caption, spec)
