"""Charts of curves: quality against diversity, and lines over a number."""

from __future__ import annotations

from collections.abc import Iterable

from jaxsample.study.show.charts._parts import (
    Row,
    Spec,
    altair,
    axis,
    chart_of,
    has,
    hue,
    legend_pick,
    spec_of,
    with_interval,
)


def front_chart(rows: Iterable[Row], x: str, y: str) -> Spec:
    """Plot quality against diversity: a curve for each family of settings.

    A click on the legend selects families. Hovering over a setting shows its values.

    Args:
        rows: `x`, `y`, `family`, `setting`, and optionally the intervals `x_ci` and `y_ci`, each
            a pair. A curve joins the settings of a family in the order of the rows.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study.show.charts._curves import front_chart
    >>> row = {"x": 60.2, "y": 31.2, "y_ci": [30.1, 32.4], "family": "fixed", "setting": "T 0.5"}
    >>> front_chart([row], "Self-BLEU (%)", "ROUGE-L F1 (%)")["data"]["values"][0]["y_text"]
    '31.2 [30.1, 32.4]'
    """
    alt = altair()
    data = []
    for place, row in enumerate(rows):
        flat = {"place": place, "family": row["family"], "setting": row["setting"]}
        for name in ("x", "y"):
            low, high = row.get(f"{name}_ci") or (None, None)
            flat |= {name: row[name], f"{name}_low": low, f"{name}_high": high}
            flat[f"{name}_text"] = with_interval(row[name], low, high)
        data.append(flat)
    picked, fade = legend_pick(alt, "family")
    across, up = axis(alt.X, "x", x), axis(alt.Y, "y", y)
    chart = chart_of(alt, data).encode(opacity=fade)
    bare = chart.encode(hue(alt.Stroke, "family", legend=None))
    shape = alt.Shape("family:N", sort=None, title=None)
    named = chart.encode(hue(alt.Color, "family"), shape).add_params(picked)
    words = ["setting:N", "family:N", alt.Tooltip("y_text:N", title=y)]
    words.append(alt.Tooltip("x_text:N", title=x))
    layers = [bare.mark_line(strokeWidth=1.5).encode(across, up, order="place:Q")]
    rule = bare.mark_rule()
    if has(data, "y_low"):
        layers.append(rule.encode(across, axis(alt.Y, "y_low", y), alt.Y2("y_high")))
    if has(data, "x_low"):
        layers.append(rule.encode(axis(alt.X, "x_low", x), up, alt.X2("x_high")))
    layers.append(named.mark_point(filled=True, size=70).encode(across, up, tooltip=words))
    return spec_of(alt, alt.layer(*layers))


def line_chart(rows: Iterable[Row], x: str, y: str) -> Spec:
    """Plot series as lines, with bands for their intervals.

    Args:
        rows: `x`, `y`, `series`, and optionally the ends `low` and `high` of an interval.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study.show.charts._curves import line_chart
    >>> spec = line_chart([{"x": 0, "y": 0.7, "series": "EDT"}], "token", "temperature")
    >>> [layer["mark"]["type"] for layer in spec["layer"]]
    ['line', 'circle']
    """
    alt = altair()
    data = [
        {name: row.get(name) for name in ("x", "y", "series", "low", "high")}
        | {"text": with_interval(row["y"], row.get("low"), row.get("high"))}
        for row in rows
    ]
    picked, fade = legend_pick(alt, "series")
    across, up = axis(alt.X, "x", x), axis(alt.Y, "y", y)
    chart = chart_of(alt, data)
    bare = chart.encode(hue(alt.Fill, "series", legend=None))
    dash = alt.StrokeDash("series:N", sort=None, title=None)
    named = chart.encode(hue(alt.Color, "series"), dash).add_params(picked)
    words = ["series:N", alt.Tooltip("x:Q", title=x, format=".4~g")]
    words.append(alt.Tooltip("text:N", title=y))
    layers = [
        named.mark_line(strokeWidth=1.75).encode(across, up, opacity=fade),
        bare.mark_circle(size=20).encode(across, up, opacity=fade, tooltip=words),
    ]
    if has(data, "low"):
        faint = alt.when(picked).then(alt.value(0.18)).otherwise(alt.value(0.03))
        ends = axis(alt.Y, "low", y), alt.Y2("high")
        layers.insert(0, bare.mark_area().encode(across, *ends, opacity=faint))
    return spec_of(alt, alt.layer(*layers))
