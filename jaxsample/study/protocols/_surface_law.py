"""The curve of equal entropy p(T) of each model, and whether one formula fits all models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxsample.study.measures._equal_entropy import FORMS, Fit, equal_p, fit
from jaxsample.study.measures._resampling import RESAMPLES, drawn, ends
from jaxsample.study.protocols._protocol import Part
from jaxsample.study.protocols._surface_tables import Surface
from jaxsample.study.show._results_folder import cell, chart, table
from jaxsample.study.show.charts._curves import line_chart

MODEL = {"model": ("model", None)}
NOTES = (
    "Above T = 1 no p has equal entropy: the entropy is higher than at T = 1, and top-p can only "
    "reduce it.",
    "No law can hold for every distribution: with equally likely tokens temperature changes "
    "nothing and top-p does. The curves show how similar the given models are on the given texts.",
)


class Curve(NamedTuple):
    """The p of equal entropy of a model.

    Attributes:
        model: the name of the model.
        p: `[N]`, for each temperature; NaN where there is none.
        resampled: `[R, N]`, for resamples of the prompts; all NaN for a single prompt.
    """

    model: str
    p: np.ndarray
    resampled: np.ndarray

    @classmethod
    def of(cls, one: Surface, shares: np.ndarray) -> Curve:
        """Return the curve of a model whose `cut` has these values of p."""
        p, count = equal_p(one.cold.mean(1), one.cut.mean(1), shares), one.cold.shape[1]
        if count < 2:
            return cls(one.name, p, np.full((RESAMPLES, len(p)), np.nan))
        # All models share the resamples, so that differences between prompts cancel.
        weights = drawn(np.random.default_rng(0), count, RESAMPLES) / count
        pairs = zip(weights @ one.cold.T, weights @ one.cut.T, strict=True)
        return cls(one.name, p, np.asarray([equal_p(*pair, shares) for pair in pairs]))


def law(
    measured: Sequence[Surface], temperatures: Sequence[float], shares: Sequence[float]
) -> Part:
    """Find for each model the p that gives, at T = 1, the mean entropy of each T below 1 at p = 1.

    Args:
        measured: the measures of each model.
        temperatures, shares: the values of T of their `cold` and of p of their `cut`.
    """
    t = np.asarray(temperatures)
    curves = [Curve.of(one, np.asarray(shares)) for one in measured]
    fits = {
        (curve.model, form): fit(FORMS[form], t, curve.p[None])
        for curve in curves
        for form in FORMS
    }
    tables = [_points(t, curves), _fits(t, curves, fits)]
    notes = [*NOTES, *(_closest(curve.model, fits) for curve in curves)]
    if len(curves) > 1:
        gaps = _gaps(t, curves)
        tables.append(table("gaps", *GAPS, gaps))
        notes += _compared(gaps)
    else:
        notes.append("One model cannot show a law across models. Give several models to compare.")
    return {"tables": tables, "charts": [_chart(t, curves)], "notes": notes}


def _points(t, curves):
    rows = [
        {"model": curve.model, "temperature": at, "p": _cell(p, curve.resampled[:, i])}
        | ({"note": "no p leaves so little entropy"} if np.isnan(p) else {})
        for curve in curves
        for i, (at, p) in enumerate(zip(t.tolist(), curve.p.tolist(), strict=True))
    ]
    heads = MODEL | {"temperature": ("T", None), "p": ("p at T = 1", None)}
    if any("note" in row for row in rows):
        heads["note"] = ("note", None)
    caption = (
        "The top-p that has, at T = 1, the same mean entropy on common contexts as each "
        "temperature has at p = 1, with 95% intervals over prompts."
    )
    return table("equal_entropy", "Equal entropy: p for each T", caption, heads, rows)


def _fits(t, curves, fits):
    rows = [
        {
            "model": curve.model,
            "form": form,
            "a": _cell(float(found.a[0]), fit(FORMS[form], t, curve.resampled).a),
        }
        | _errors(found)
        for curve in curves
        for form in FORMS
        for found in [fits[curve.model, form]]
    ]
    if len(curves) > 1:
        every, tiled = np.concatenate([curve.p for curve in curves]), np.tile(t, len(curves))
        for form in FORMS:
            found = fit(FORMS[form], tiled, every[None])
            row = {"model": "one a for all models", "form": form, "a": cell(float(found.a[0]))}
            rows.append(row | _errors(found))
    heads = MODEL | {
        "form": ("formula", None),
        "a": ("a", None),
        "residual": ("root mean squared error of p", None),
        "largest": ("largest error of p", None),
    }
    caption = (
        "Formulas with one parameter, fitted to p(T) by least squares, with 95% intervals of a "
        "over prompts. A formula is a law only if one a fits all models with a small error."
    )
    return table("law", "One-parameter formulas of p(T)", caption, heads, rows)


GAPS = (
    "How far the models' curves are apart",
    "The temperature at which two models' curves differ most, with 95% intervals over prompts. It "
    "was chosen by these numbers, so a gap looks a little larger than it is.",
    {
        "first": ("model", None),
        "second": ("and model", None),
        "temperature": ("T where they are furthest apart", None),
        "gap": ("p of the first minus p of the second", None),
    },
)


def _gaps(t, curves):
    rows = []
    for a, b in itertools.combinations(curves, 2):
        apart = a.p - b.p
        if np.isnan(apart).all():
            continue
        i = int(np.nanargmax(np.abs(apart)))
        gap = _cell(float(apart[i]), a.resampled[:, i] - b.resampled[:, i])
        rows.append({"first": a.model, "second": b.model, "temperature": float(t[i]), "gap": gap})
    return rows


def _closest(model, fits):
    form = min(FORMS, key=lambda form: fits[model, form].residual[0])
    found = fits[model, form]
    return (
        f"{model}: of the formulas, {form} is closest, with a = {found.a[0]:.3f}. Its root mean "
        f"square error in p is {found.residual[0]:.3f} and its largest error is "
        f"{found.largest[0]:.3f}."
    )


def _compared(gaps):
    if not gaps:
        return ["The models' curves have no temperature in common."]
    most = max(gaps, key=lambda row: abs(row["gap"]["value"]))
    return [
        f"The models' curves differ by up to {abs(most['gap']['value']):.3f} in p: "
        f"{most['first']} and {most['second']} at T = {most['temperature']:.2f}."
    ]


def _chart(t, curves):
    points = []
    for curve in curves:
        for i in np.flatnonzero(~np.isnan(curve.p)):
            found = _cell(float(curve.p[i]), curve.resampled[:, i])
            low, high = found["ci"] or (None, None)
            point = {"x": float(t[i]), "y": found["value"], "low": low, "high": high}
            points.append(point | {"series": curve.model})
    caption = (
        "For each model, the top-p that has the same entropy at T = 1 as the temperature has at "
        "p = 1, with 95% intervals over prompts."
    )
    spec = line_chart(points, "temperature T", "top-p p of equal entropy")
    return chart("equal_entropy", "The curve of equal entropy", caption, spec)


def _errors(found: Fit) -> dict[str, float]:
    return {"residual": float(found.residual[0]), "largest": float(found.largest[0])}


def _cell(value: float, resampled: np.ndarray) -> dict[str, Any]:
    """Make a cell, with an interval if most resamples have a value."""
    if np.isnan(value) or np.isnan(resampled).mean() > 0.5:
        return cell(value)
    return cell(value, ends([resampled]))
