"""Charts of separate marks: heat maps, scatter charts and bar charts."""

from __future__ import annotations

import math
from collections.abc import Iterable

from jaxsample.study.show.charts._parts import (
    PALETTE,
    Row,
    Spec,
    altair,
    axis,
    chart_of,
    has,
    hue,
    is_number,
    legend_pick,
    spec_of,
    with_interval,
)

MOST_LABELS = 12  # columns of a heat map whose cells have room for numbers
POINT = ("x", "y", "colour")


def heat_map(rows: Iterable[Row], x: str, y: str, value: str) -> Spec:
    """Plot a value over a grid as a heat map, with numbers in the cells if they fit.

    Args:
        rows: `x`, `y` and `value` of each cell.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.
        value: title of the colours with the unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study.show.charts._marks import heat_map
    >>> rows = [{"x": t, "y": 0.1, "value": 10 * t} for t in (0.5, 1.0)]
    >>> heat_map(rows, "T0", "theta", "EDA (%)")["layer"][0]["encoding"]["color"]["title"]
    'EDA (%)'
    """
    alt = altair()
    data = [{name: row[name] for name in ("x", "y", "value")} for row in rows]
    known = [row["value"] for row in data if is_number(row["value"])]
    middle = (min(known) + max(known)) / 2 if known else 0
    base = chart_of(alt, data).encode(
        alt.X("x:O", title=x, axis=alt.Axis(labelAngle=0)),
        alt.Y("y:O", title=y, sort="descending"),
    )
    colour = alt.Color("value:Q", title=value, scale=alt.Scale(scheme="viridis"))
    words = [alt.Tooltip("x:O", title=x), alt.Tooltip("y:O", title=y)]
    words.append(alt.Tooltip("value:Q", title=value, format=".4~g"))
    layers = [base.mark_rect().encode(color=colour, tooltip=words)]
    if len({row["x"] for row in data}) <= MOST_LABELS:
        dark = alt.condition(alt.datum.value > middle, alt.value("black"), alt.value("white"))
        largest = max((abs(value) for value in known), default=0) or 1
        decimals = max(0, 2 - math.floor(math.log10(largest)))
        number = alt.Text("value:Q", format=f",.{decimals}f")
        layers.append(base.mark_text(fontSize=11, tooltip=None).encode(text=number, color=dark))
    return spec_of(alt, alt.layer(*layers))


def scatter_chart(points: Iterable[Row], x: str, y: str, colour: str) -> Spec:
    """Plot points in the plane, for example principal components.

    Args:
        points: `x`, `y` and `colour`, a number or a name. Hovering over a point shows its other
            fields.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.
        colour: title of the colours with the unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study.show.charts._marks import scatter_chart
    >>> point = {"x": 1.5, "y": -0.5, "colour": 0.7, "story": "Once upon a time"}
    >>> spec = scatter_chart([point], "component 1", "component 2", "temperature")
    >>> [tooltip["title"] for tooltip in spec["encoding"]["tooltip"]]
    ['temperature', 'story']
    """
    alt = altair()
    points = [dict(point) for point in points]
    more = [name for name in dict.fromkeys(n for p in points for n in p) if name not in POINT]
    data = [
        {name: point[name] for name in POINT}
        | {f"more{i}": point.get(name) for i, name in enumerate(more)}
        for point in points
    ]
    numbers = all(is_number(point["colour"]) for point in points)
    words = [alt.Tooltip("colour:Q" if numbers else "colour:N", title=colour)]
    words += [alt.Tooltip(f"more{i}:N", title=name) for i, name in enumerate(more)]
    chart = chart_of(alt, data).encode(axis(alt.X, "x", x), axis(alt.Y, "y", y), tooltip=words)
    if numbers:
        scale = alt.Color("colour:Q", title=colour, scale=alt.Scale(scheme="viridis"))
        return spec_of(alt, chart.mark_circle(size=50, opacity=0.8).encode(color=scale))
    picked, fade = legend_pick(alt, "colour")
    names = hue(alt.Color, "colour", title=colour)
    shape = alt.Shape("colour:N", sort=None, title=colour)
    chart = chart.mark_point(filled=True, size=50).encode(color=names, shape=shape, opacity=fade)
    return spec_of(alt, chart.add_params(picked))


def bar_chart(rows: Iterable[Row], x: str, y: str) -> Spec:
    """Plot a value for each name as a bar, with intervals.

    Args:
        rows: `name`, `value`, and optionally the ends `low` and `high` of an interval, in the
            order of the bars.
        x: title of the values with the unit.
        y: title of the names.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study.show.charts._marks import bar_chart
    >>> spec = bar_chart([{"name": "EDT", "value": 2.5}], "cost per token (%)", "strategy")
    >>> spec["layer"][0]["encoding"]["y"]["title"]
    'strategy'
    """
    alt = altair()
    data = [
        {name: row.get(name) for name in ("name", "value", "low", "high")}
        | {"text": with_interval(row["value"], row.get("low"), row.get("high"))}
        for row in rows
    ]
    base = chart_of(alt, data).encode(alt.Y("name:N", title=y, sort=None))
    words = [alt.Tooltip("name:N", title=y), alt.Tooltip("text:N", title=x)]
    bar = base.mark_bar(color=PALETTE[0], height={"band": 0.7})
    layers = [bar.encode(alt.X("value:Q", title=x), tooltip=words)]
    if has(data, "low"):
        interval = base.mark_rule(strokeWidth=2)
        layers.append(interval.encode(alt.X("low:Q", title=x), alt.X2("high")))
    return spec_of(alt, alt.layer(*layers)) | {"height": max(80, 28 * len(data))}
