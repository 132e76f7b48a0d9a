"""Tables and charts of the creativity study: means, correlations and a map of the texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._store import Row
from jaxsample.study.measures._by_prompt import COLUMNS, measure
from jaxsample.study.measures._correlations import Correlation, holm
from jaxsample.study.measures._exemplar import JUDGED, MEASURES
from jaxsample.study.measures._statistics import Interval, mean
from jaxsample.study.measures._trend import METHODS, detectable, trend
from jaxsample.study.measures.metrics import pca
from jaxsample.study.show._cells import interval_cell
from jaxsample.study.show._results_folder import chart, table
from jaxsample.study.show.charts._curves import line_chart
from jaxsample.study.show.charts._marks import bar_chart, scatter_chart

GEOMETRIC = "perplexity"  # a few short texts would dominate its arithmetic mean
OF_SETS = "self_bleu", "distinct_2"  # measures of all texts of a prompt together
PANELS = {
    "distance": ("Novelty proxies: distance from the exemplar", "share edited"),
    "stories": ("Cohesion and coherence proxies: what the grammar says", "share"),
}
TOGETHER = {
    "words": "distance",
    "characters": "distance",
    "grammatical": "stories",
    "agreement": "stories",
    "read": "stories",
}
OPENING = 60  # the number of characters of a text that the map shows

Averages = dict[str, dict[str, Interval]]


class Texts(NamedTuple):
    """The texts of the study and their measures.

    Attributes:
        rows: N rows of the sweep.
        items: the prompts.
        temperatures: the temperature of each of the study's settings, the lowest first.
        measured: the measures `[N]` by name.
    """

    rows: Sequence[Row]
    items: Sequence[Item]
    temperatures: Mapping[str, float]
    measured: Mapping[str, np.ndarray]

    @property
    def titles(self) -> dict[str, tuple[str, str | None]]:
        """The title and the unit of every measure."""
        known = MEASURES | JUDGED | {name: COLUMNS[name] for name in OF_SETS}
        return {name: known.get(name, (name, None)) for name in (*self.measured, *OF_SETS)}

    def above(self) -> np.ndarray:
        """Return the indices of the rows of all temperatures except the exemplar's."""
        coldest = min(self.temperatures, key=lambda name: self.temperatures[name])
        return self._numbers(set(self.temperatures) - {coldest})

    def all(self) -> np.ndarray:
        """Return the indices of the rows of all temperatures."""
        return self._numbers(set(self.temperatures))

    def _numbers(self, settings):
        return np.asarray([i for i, row in enumerate(self.rows) if row["setting"] in settings])


def averages(texts: Texts) -> Averages:
    """Return the mean of every measure for each setting, with its interval.

    The interval is over texts if there is one prompt, and over prompts otherwise. A measure of all
    texts of a prompt together has no interval if there is one prompt.
    """
    together = measure(texts.rows, texts.items)
    found: Averages = {}
    for setting in together:
        here = [i for i, row in enumerate(texts.rows) if row["setting"] == setting]
        items = [texts.rows[i]["item"] for i in here] if len(texts.items) > 1 else None
        of = {name: mean(x[here].tolist(), items=items) for name, x in texts.measured.items()}
        logs = mean(np.log(texts.measured[GEOMETRIC][here]).tolist(), items=items)
        of[GEOMETRIC] = Interval(
            math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), logs.n
        )
        found[setting] = of | {name: mean(together[setting][name].tolist()) for name in OF_SETS}
    return found


def settings_table(texts: Texts, averaged: Averages) -> dict[str, Any]:
    """Make the table of all settings."""
    unit = "prompts" if len(texts.items) > 1 else "texts"
    rows = [
        {"setting": setting} | {name: interval_cell(value) for name, value in of.items()}
        for setting, of in averaged.items()
    ]
    caption = (
        f"Means with 95% bootstrap intervals over {unit}. In the paper, people rated novelty, "
        "typicality, cohesion and coherence; the columns with these names are proxies. The mean of "
        "perplexity is geometric. Self-BLEU and distinct 2-grams are computed over all texts of a "
        "prompt together."
    )
    heads = {"setting": ("setting", None)} | texts.titles
    return table("settings", "Every temperature", caption, heads, rows)


def correlated(texts: Texts) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Correlate every measure of a text with temperature.

    Returns:
        A table, a chart and the number of tests.
    """
    of_all = {name: _trends(texts, name, texts.all()) for name in texts.measured}
    of_some = {name: _trends(texts, name, texts.above()) for name in texts.measured}
    p = np.asarray([[of_some[name][method].p for method in METHODS] for name in of_some])
    corrected = holm(p.ravel().tolist()).reshape(p.shape)
    tests = int(np.sum(~np.isnan(p)))
    rows = []
    for i, (name, found) in enumerate(of_some.items()):
        row: dict[str, Any] = {"measure": texts.titles[name][0]}
        for j, method in enumerate(METHODS):
            row[method] = _cell(found[method])
            row[f"{method}_p"], row[f"{method}_holm"] = float(p[i, j]), float(corrected[i, j])
        row |= {"n": found["spearman"].n, "least": detectable(found["spearman"])}
        rows.append(row | {"seven": _cell(of_all[name]["spearman"])})
    caption = (
        "Rank correlation with temperature over the six temperatures above the exemplar's, with "
        "95% intervals, the p-value of each test, and the p-value corrected by Holm's method for "
        f"all {tests} tests of this table. The detectable rho is the smallest that this study "
        "would find in four of five repeats with an uncorrected test. The last column includes the "
        "lowest temperature, whose texts are close to the exemplar by construction. It was not "
        "tested."
    )
    heads: dict[str, tuple[str, str | None]] = {"measure": ("measure", None)}
    for method in METHODS:
        title = {"spearman": "Spearman's rho", "kendall": "Kendall's tau-b"}[method]
        heads |= {method: (title, None), f"{method}_p": ("p", None)}
        heads |= {f"{method}_holm": ("p, corrected", None)}
    heads |= {"n": ("texts", None), "least": ("detectable rho", None)}
    heads |= {"seven": ("Spearman's rho, all seven", None)}
    bars = [
        {
            "name": row["measure"],
            "value": row["spearman"]["value"],
            "low": (row["spearman"]["ci"] or (None, None))[0],
            "high": (row["spearman"]["ci"] or (None, None))[1],
        }
        for row in rows
    ]
    spec = bar_chart(bars, "Spearman's rho with temperature", "measure")
    seen = (
        "Rank correlation of every measure with temperature, over the six temperatures above the "
        "exemplar's, with 95% intervals. Proxies are not ratings by people."
    )
    return (
        table("correlations", "Correlation with temperature", caption, heads, rows),
        chart("correlations", "Correlation with temperature", seen, spec),
        tests,
    )


def lines(texts: Texts, averaged: Averages) -> list[dict[str, Any]]:
    """Plot every measure against temperature, with its interval as a band."""
    panels: dict[str, list[str]] = {}
    for name in texts.titles:
        panels.setdefault(TOGETHER.get(name, name), []).append(name)
    found = []
    for panel, names in panels.items():
        title, unit = texts.titles[names[0]]
        head, axis = PANELS.get(
            panel, (_capital(title), title if unit is None else f"{title} ({unit})")
        )
        points = [
            {
                "x": round(t, 4),
                "y": averaged[setting][name].value,
                "series": texts.titles[name][0],
                "low": averaged[setting][name].low,
                "high": averaged[setting][name].high,
            }
            for name in names
            for setting, t in texts.temperatures.items()
        ]
        caption = f"{head} at each of seven temperatures."
        if panel not in OF_SETS:
            caption = f"{head}. Means at each of seven temperatures, with 95% intervals."
        found.append(chart(panel, head, caption, line_chart(points, "temperature", axis)))
    return found


def map_of(texts: Texts, vectors: np.ndarray) -> dict[str, Any]:
    """Plot the texts of all temperatures along their two principal components."""
    known = [i for i in texts.all() if np.all(np.isfinite(vectors[i]))]
    seen = pca(vectors[known], 2)
    points = [
        {
            "x": round(float(x), 5),
            "y": round(float(y), 5),
            "colour": round(texts.temperatures[texts.rows[i]["setting"]], 3),
            "text": texts.rows[i]["text"][:OPENING],
        }
        for i, (x, y) in zip(known, seen.points, strict=True)
    ]
    share = [f"{100 * float(s):.1f}%" for s in seen.share]
    axes = [f"component {i + 1} ({s} of the variance)" for i, s in enumerate(share)]
    caption = (
        f"Embeddings of {len(known)} texts along their two principal components, which hold "
        f"{share[0]} and {share[1]} of the variance, coloured by temperature."
    )
    return chart(
        "map", "A map of the texts", caption, scatter_chart(points, axes[0], axes[1], "temperature")
    )


def _trends(texts, name, numbers):
    rows = [texts.rows[i] for i in numbers]
    return trend(
        [texts.temperatures[row["setting"]] for row in rows],
        texts.measured[name][numbers],
        [row["item"] for row in rows],
        [f"{row['item']} {row['seed']} {row['sample']}" for row in rows],
    )


def _cell(found: Correlation):
    return interval_cell(Interval(found.value, found.low, found.high, found.n))


def _capital(title):
    return title[0].upper() + title[1:]
