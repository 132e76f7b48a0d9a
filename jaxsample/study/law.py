"""The curve of equal entropy p(T) of each model, and whether one form of it holds for all."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxsample.study import charts
from jaxsample.study.equal_entropy import FORMS, ends, equal_p, fit, resampled
from jaxsample.study.results import cell, chart, table
from jaxsample.study.surface_tables import Part, Surface

MODEL = {"model": ("model", None)}


def law(
    measured: Sequence[Surface], temperatures: Sequence[float], shares: Sequence[float]
) -> Part:
    """Find for each model the p that gives, at T = 1, the mean entropy of each T below 1 at p = 1.

    Args:
        measured: of each model.
        temperatures, shares: those of its `cold` and of its `cut`.
    """
    t, p = np.asarray(temperatures), np.asarray(shares)
    curves = {one.name: equal_p(one.cold.mean(1), one.cut.mean(1), p) for one in measured}
    drawn = {one.name: _drawn(one, p) for one in measured}
    tables = [_points(t, curves, drawn), _fits(t, curves, drawn)]
    notes = [
        "Above T = 1 there is no p: the entropy is above that at T = 1, and top-p only takes away.",
        "No law can hold for every distribution: over equally likely tokens temperature changes "
        "nothing and top-p does. The curves say how alike the given models are on the given texts.",
    ]
    if len(measured) > 1:
        tables.append(_gaps(t, curves, drawn))
        notes.append(_compared(t, curves))
    else:
        notes.append("One model shows no law across models: give several to compare.")
    return {"tables": tables, "charts": [_chart(t, curves, drawn)], "notes": notes}


def _drawn(one: Surface, p: np.ndarray) -> np.ndarray | None:
    """Return the curve of every resample of the prompts `[R, N]`, or None for a single prompt."""
    if one.cold.shape[1] < 2:
        return None
    weights = resampled(one.cold.shape[1])
    pairs = zip(weights @ one.cold.T, weights @ one.cut.T, strict=True)
    return np.asarray([equal_p(cold, cut, p) for cold, cut in pairs])


def _interval(value: float, drawn: np.ndarray | None) -> dict[str, Any]:
    low, high = (np.nan, np.nan) if drawn is None else ends(drawn)
    return cell(value, None if np.isnan(low) else (low, high))


def _points(t, curves, drawn):
    rows = [
        {"model": name, "temperature": at, "p": _interval(p, _column(drawn[name], i))}
        | ({"note": "no p leaves as little entropy"} if np.isnan(p) else {})
        for name, curve in curves.items()
        for i, (at, p) in enumerate(zip(t.tolist(), curve.tolist(), strict=True))
    ]
    heads = MODEL | {"temperature": ("T", None), "p": ("p at T = 1", None), "note": ("", None)}
    caption = (
        "The top-p that leaves, at T = 1, the same mean entropy on common contexts as each "
        "temperature at p = 1; 95% intervals over prompts."
    )
    if not any("note" in row for row in rows):
        del heads["note"]
    return table("equal_entropy", "Equal entropy: p for each T", caption, heads, rows)


def _fits(t, curves, drawn):
    rows = []
    for name, curve in curves.items():
        for title, form in FORMS.items():
            found, many = fit(form, t, curve[None]), drawn[name]
            a = _interval(float(found.a[0]), None if many is None else fit(form, t, many).a)
            rows.append({"model": name, "form": title, "a": a} | _errors(found))
    if len(curves) > 1:
        every, tiled = np.concatenate(list(curves.values())), np.tile(t, len(curves))
        for title, form in FORMS.items():
            found = fit(form, tiled, every[None])
            row = {"model": "one a for all models", "form": title, "a": cell(float(found.a[0]))}
            rows.append(row | _errors(found))
    heads = MODEL | {
        "form": ("form", None),
        "a": ("a", None),
        "residual": ("root mean squared error of p", None),
        "largest": ("largest error of p", None),
    }
    caption = (
        "Forms with one parameter, fitted to p(T) by least squares, with 95% intervals of a over "
        "prompts. A form is a law only if its error is small with one a for all models."
    )
    return table("law", "One-parameter forms of p(T)", caption, heads, rows)


def _errors(found):
    return {"residual": float(found.residual[0]), "largest": float(found.largest[0])}


def _gaps(t, curves, drawn):
    rows = []
    for a, b in itertools.combinations(curves, 2):
        apart = curves[a] - curves[b]
        if np.isnan(apart).all():
            continue
        i = int(np.nanargmax(np.abs(apart)))
        # Resamples of the same prompts: what makes a prompt unlike others may cancel.
        both = drawn[a] is not None and drawn[b] is not None
        many = drawn[a][:, i] - drawn[b][:, i] if both else None
        row = {"first": a, "second": b, "temperature": float(t[i])}
        rows.append(row | {"gap": _interval(float(apart[i]), many)})
    heads = {
        "first": ("model", None),
        "second": ("and model", None),
        "temperature": ("T where they are furthest apart", None),
        "gap": ("p of the first less that of the second", None),
    }
    caption = (
        "Where two models' curves are furthest apart, with 95% intervals over prompts; the place "
        "was chosen on the numbers shown, which flatters a gap a little."
    )
    return table("gaps", "How far the models' curves are apart", caption, heads, rows)


def _compared(t, curves):
    every = np.asarray(list(curves.values()))
    there = ~np.isnan(every).any(0)
    spread = np.ptp(every[:, there], axis=0)
    if not spread.size:
        return "The models' curves have no temperature in common where both exist."
    closest = "; ".join(f"{_closest(t, curve)} for {name}" for name, curve in curves.items())
    return (
        f"The curves of {len(curves)} models are up to {spread.max():.2f} apart in p, at "
        f"T = {t[there][spread.argmax()]:.2f}. The form with the least error: {closest}."
    )


def _closest(t, curve):
    return min(FORMS, key=lambda form: fit(FORMS[form], t, curve[None]).residual[0])


def _chart(t, curves, drawn):
    points = []
    for name, curve in curves.items():
        for i in np.flatnonzero(~np.isnan(curve)):
            low, high = _interval(0.0, _column(drawn[name], i))["ci"] or (None, None)
            point = {"x": float(t[i]), "y": float(curve[i]), "low": low, "high": high}
            points.append(point | {"series": name})
    caption = (
        "For each model the top-p that leaves as much entropy at T = 1 as the temperature does at "
        "p = 1, with 95% intervals over prompts."
    )
    spec = charts.lines(points, "temperature T", "top-p p of equal entropy")
    return chart("equal_entropy", "The curve of equal entropy", caption, spec)


def _column(drawn, i):
    return None if drawn is None else drawn[:, i]
