"""Tables and charts of the surface study: effects at equal values, and whole grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxsample.study.measures._by_prompt import COLUMNS
from jaxsample.study.protocols._protocol import Part
from jaxsample.study.show._cells import difference_cell, mean_cell
from jaxsample.study.show._results_folder import chart, table
from jaxsample.study.show.charts._curves import line_chart
from jaxsample.study.show.charts._marks import heat_map

OWN = "sampler_entropy", "distinct_2", "self_bleu"
NATS = "nats/token"
CONTEXTS = "entropy on common contexts"
TEXTS = "entropy on its own texts"
WHERE = {"difference": "common contexts", "own_difference": "own texts"}


class Surface(NamedTuple):
    """The measures of a model.

    Attributes:
        name: the name of the model, which no other model has.
        folder: the name as part of a path.
        temperatures, shares: the T temperatures and the P values of top-p of the grid.
        own: `[T, P, I]` for each of `OWN`, of the texts that each pair drew for each prompt.
        exact: `[T, P, I]` nats, the mean entropy on common contexts.
        cold: `[.., I]` nats, the same at p = 1 on a finer grid of temperatures.
        cut: `[.., I]` nats, the same at T = 1 on a finer grid of top-p.
    """

    name: str
    folder: str
    temperatures: Sequence[float]
    shares: Sequence[float]
    own: dict[str, np.ndarray]
    exact: np.ndarray
    cold: np.ndarray
    cut: np.ndarray

    def pair(self, of: np.ndarray, t: float, p: float) -> np.ndarray:
        """Return the measures `[I]` at a temperature and a top-p."""
        return of[self.temperatures.index(t), self.shares.index(p)]


def effects(measured: Sequence[Surface]) -> Part:
    """Compare temperature v at p = 1 with top-p v at T = 1, for each v < 1 of both grids."""
    heads = {
        "model": ("model", None),
        "value": ("value of T or p", None),
        "temperature": (f"{CONTEXTS}, by T", NATS),
        "top_p": (f"{CONTEXTS}, by p", NATS),
        "difference": ("T minus p, on common contexts", NATS),
        "own_difference": ("T minus p, on own texts", NATS),
        "distinct_2": ("T minus p, distinct 2-grams", "share"),
        "self_bleu": ("T minus p, Self-BLEU", "%"),
    }
    rows, plots, notes = [], [], []
    for one in measured:
        values = [v for v in one.temperatures if v in one.shares and v < 1]
        found = [_effect(one, v) for v in values]
        rows += found
        plots += [_knobs(one), _differences(one, found)]
        for name, where in WHERE.items():
            notes.append(_verdict(one.name, [row[name] for row in found], where))
    caption = (
        "Temperature v at p = 1 compared with top-p v at T = 1, and the mean difference over "
        "prompts with 95% intervals. A negative difference of entropy means that temperature "
        "reduced entropy more."
    )
    made = table("effects", "Temperature against top-p at one value", caption, heads, rows)
    return {"tables": [made], "charts": plots, "notes": notes}


def grids(measured: Sequence[Surface], samples: int) -> Part:
    """Show all measures over the grid."""
    heads = {
        "model": ("model", None),
        "temperature": ("T", None),
        "top_p": ("p", None),
        "exact": (CONTEXTS, NATS),
    }
    heads |= {name: COLUMNS[name] for name in OWN} | {"sampler_entropy": (TEXTS, NATS)}
    rows, plots = [], []
    for one in measured:
        for t in one.temperatures:
            for p in one.shares:
                row = {"model": one.name, "temperature": t, "top_p": p}
                row |= {name: mean_cell(one.pair(of, t, p)) for name, of in _all(one).items()}
                rows.append(row)
        plots += _heats(one, heads)
    prompts = measured[0].exact.shape[-1]
    caption = (
        f"Means of every pair over {prompts} prompts with {samples} texts each, and 95% bootstrap "
        "intervals over prompts."
    )
    return {"tables": [table("grid", "All pairs", caption, heads, rows)], "charts": plots}


def _effect(one, v):
    cold, cut = (v, 1.0), (1.0, v)
    differences = {
        name: difference_cell(one.pair(of, *cold), one.pair(of, *cut))
        for name, of in _all(one).items()
    }
    return {
        "model": one.name,
        "value": v,
        "temperature": mean_cell(one.pair(one.exact, *cold)),
        "top_p": mean_cell(one.pair(one.exact, *cut)),
        "difference": differences["exact"],
        "own_difference": differences["sampler_entropy"],
        "distinct_2": differences["distinct_2"],
        "self_bleu": differences["self_bleu"],
    }


def _all(one):
    return {"exact": one.exact} | one.own


def _verdict(name, differences, where):
    ends = [of["ci"] for of in differences if of["ci"]]
    below, above = sum(ci[1] < 0 for ci in ends), sum(ci[0] > 0 for ci in ends)
    return (
        f"{name}, on {where}: of {len(differences)} equal values below 1, temperature left less "
        f"entropy than top-p at {below} and more at {above}. A value counts if the 95% interval of "
        "its difference excludes 0."
    )


def _knobs(one):
    points = []
    for where, of in zip(WHERE.values(), (one.exact, one.own["sampler_entropy"]), strict=True):
        for knob, values in (("T", one.temperatures), ("p", one.shares)):
            for v in values:
                found = one.pair(of, *((v, 1.0) if knob == "T" else (1.0, v)))
                point = {"x": v, "y": float(np.nanmean(found)), "series": f"{knob}, {where}"}
                points.append(point)
    caption = (
        f"Entropy of {one.name} when T or p alone has the value on the axis and the other is 1. "
        "Means over prompts."
    )
    spec = line_chart(points, "value of T or p", f"entropy ({NATS})")
    return chart(f"knobs_{one.folder}", f"Entropy by T and by p: {one.name}", caption, spec)


def _differences(one, rows):
    points = []
    for name, where in WHERE.items():
        for row in rows:
            low, high = row[name]["ci"] or (None, None)
            point = {"x": row["value"], "y": row[name]["value"], "low": low, "high": high}
            points.append(point | {"series": where})
    caption = (
        f"Entropy of {one.name} at T = v minus that at p = v: paired differences over prompts with "
        "95% intervals. Below 0, temperature reduces entropy more."
    )
    spec = line_chart(points, "value v", f"entropy by T minus entropy by p ({NATS})")
    title = f"Temperature against top-p at one value: {one.name}"
    return chart(f"difference_{one.folder}", title, caption, spec)


def _heats(one, heads):
    found = []
    for name, of in _all(one).items():
        title, unit = heads[name]
        cells = [
            {"x": t, "y": p, "value": float(np.nanmean(one.pair(of, t, p)))}
            for t in one.temperatures
            for p in one.shares
        ]
        # The legend has little room, so only the caption says which entropy it is.
        short = f"{title.split(' on ')[0]} ({unit})"
        spec = heat_map(cells, "temperature T", "top-p p", short)
        caption = f"{title} of {one.name} over T and p ({unit})."
        caption = caption[0].upper() + caption[1:]
        found.append(chart(f"{name}_{one.folder}", caption.split(" (")[0], caption, spec))
    return found
