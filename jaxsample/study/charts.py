"""Charts of a study as Vega-Lite specifications, and as PNG.

A specification is a plain dict with its data inside; a page and a PNG show the same one. It holds
no colours of text or background: those belong to where it is shown, see `style`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Spec = dict[str, Any]

# Apart for protan, deutan and tritan readers, and visible on white and on near-black; shapes and
# dashes tell series apart as well.
PALETTE = ["#3664a1", "#d39317", "#25b17f", "#c22932", "#a419e5", "#7d8590"]
WIDTH, HEIGHT = 560, 340
MOST_LABELS = 12  # of a heat map's columns, where numbers still fit their cells


def front(rows: Iterable[Row], x: str, y: str) -> Spec:
    """Plot quality against diversity: a curve for each family of settings.

    A click on the legend picks families; pointing at a setting shows its values.

    Args:
        rows: `x`, `y`, `family`, `setting`, and perhaps the intervals `x_ci` and `y_ci`, each a
            pair; a curve joins the settings of a family in the order given.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study import charts
    >>> row = {"x": 60.2, "y": 31.2, "y_ci": [30.1, 32.4], "family": "fixed", "setting": "T 0.5"}
    >>> charts.front([row], "Self-BLEU (%)", "ROUGE-L F1 (%)")["data"]["values"][0]["y_text"]
    '31.2 [30.1, 32.4]'
    """
    alt = _altair()
    data = []
    for place, row in enumerate(rows):
        flat = {"place": place, "family": row["family"], "setting": row["setting"]}
        for name in ("x", "y"):
            low, high = row.get(f"{name}_ci") or (None, None)
            flat |= {name: row[name], f"{name}_low": low, f"{name}_high": high}
            flat[f"{name}_text"] = _text(row[name], low, high)
        data.append(flat)
    picked, fade = _legend_pick(alt, "family")
    across, up = _axis(alt.X, "x", x), _axis(alt.Y, "y", y)
    chart = _chart(alt, data).encode(opacity=fade)
    bare = chart.encode(_colour(alt.Stroke, "family", legend=None))
    shape = alt.Shape("family:N", sort=None, title=None)
    named = chart.encode(_colour(alt.Color, "family"), shape).add_params(picked)
    words = ["setting:N", "family:N", alt.Tooltip("y_text:N", title=y)]
    words.append(alt.Tooltip("x_text:N", title=x))
    chart = alt.layer(
        bare.mark_line(strokeWidth=1.5).encode(across, up, order="place:Q"),
        bare.mark_rule().encode(across, _axis(alt.Y, "y_low", y), alt.Y2("y_high")),
        bare.mark_rule().encode(_axis(alt.X, "x_low", x), up, alt.X2("x_high")),
        named.mark_point(filled=True, size=70).encode(across, up, tooltip=words),
    )
    return _spec(alt, chart)


def lines(rows: Iterable[Row], x: str, y: str) -> Spec:
    """Plot series as lines, with bands for their intervals.

    Args:
        rows: `x`, `y`, `series`, and perhaps `low` and `high`.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study import charts
    >>> spec = charts.lines([{"x": 0, "y": 0.7, "series": "EDT"}], "token", "temperature")
    >>> [layer["mark"]["type"] for layer in spec["layer"]]
    ['area', 'line', 'circle']
    """
    alt = _altair()
    data = [
        {name: row.get(name) for name in ("x", "y", "series", "low", "high")}
        | {"text": _text(row["y"], row.get("low"), row.get("high"))}
        for row in rows
    ]
    picked, fade = _legend_pick(alt, "series")
    across, up = _axis(alt.X, "x", x), _axis(alt.Y, "y", y)
    chart = _chart(alt, data)
    bare = chart.encode(_colour(alt.Fill, "series", legend=None))
    dash = alt.StrokeDash("series:N", sort=None, title=None)
    named = chart.encode(_colour(alt.Color, "series"), dash).add_params(picked)
    words = ["series:N", alt.Tooltip("x:Q", title=x, format=".4~g")]
    words.append(alt.Tooltip("text:N", title=y))
    chart = alt.layer(
        bare.mark_area().encode(
            across,
            _axis(alt.Y, "low", y),
            alt.Y2("high"),
            opacity=alt.when(picked).then(alt.value(0.18)).otherwise(alt.value(0.03)),
        ),
        named.mark_line(strokeWidth=1.75).encode(across, up, opacity=fade),
        bare.mark_circle(size=20).encode(across, up, opacity=fade, tooltip=words),
    )
    return _spec(alt, chart)


def heat(rows: Iterable[Row], x: str, y: str, value: str) -> Spec:
    """Plot a value over a grid as a heat map, its numbers in the cells where they fit.

    Args:
        rows: `x`, `y` and `value`, one for each cell.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.
        value: title of the colours with their unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study import charts
    >>> rows = [{"x": t, "y": 0.1, "value": 10 * t} for t in (0.5, 1.0)]
    >>> charts.heat(rows, "T0", "theta", "EDA (%)")["layer"][0]["encoding"]["color"]["title"]
    'EDA (%)'
    """
    alt = _altair()
    data = [{name: row[name] for name in ("x", "y", "value")} for row in rows]
    known = [row["value"] for row in data if _is_number(row["value"])]
    middle = (min(known) + max(known)) / 2 if known else 0
    base = _chart(alt, data).encode(
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
    return _spec(alt, alt.layer(*layers))


def map_(points: Iterable[Row], x: str, y: str, colour: str) -> Spec:
    """Plot points in the plane, as principal components are.

    Args:
        points: `x`, `y` and `colour`, a number or a name; whatever else a point holds is shown
            when it is pointed at.
        x: title of the horizontal axis with its unit.
        y: title of the vertical axis with its unit.
        colour: title of the colours with their unit.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study import charts
    >>> point = {"x": 1.5, "y": -0.5, "colour": 0.7, "story": "Once upon a time"}
    >>> spec = charts.map_([point], "component 1", "component 2", "temperature")
    >>> [tooltip["title"] for tooltip in spec["encoding"]["tooltip"]]
    ['temperature', 'story']
    """
    alt = _altair()
    points = [dict(point) for point in points]
    more = [name for name in dict.fromkeys(n for p in points for n in p) if name not in POINT]
    data = [
        {name: point[name] for name in POINT}
        | {f"more{i}": point.get(name) for i, name in enumerate(more)}
        for point in points
    ]
    numbers = all(_is_number(point["colour"]) for point in points)
    words = [alt.Tooltip("colour:Q" if numbers else "colour:N", title=colour)]
    words += [alt.Tooltip(f"more{i}:N", title=name) for i, name in enumerate(more)]
    chart = _chart(alt, data).encode(_axis(alt.X, "x", x), _axis(alt.Y, "y", y), tooltip=words)
    if numbers:
        scale = alt.Color("colour:Q", title=colour, scale=alt.Scale(scheme="viridis"))
        return _spec(alt, chart.mark_circle(size=50, opacity=0.8).encode(color=scale))
    picked, fade = _legend_pick(alt, "colour")
    names, shape = (
        _colour(alt.Color, "colour", title=colour),
        alt.Shape("colour:N", sort=None, title=colour),
    )
    chart = chart.mark_point(filled=True, size=50).encode(color=names, shape=shape, opacity=fade)
    return _spec(alt, chart.add_params(picked))


def bars(rows: Iterable[Row], x: str, y: str) -> Spec:
    """Plot a value for each of some names as bars, with their intervals.

    Args:
        rows: `name`, `value`, and perhaps `low` and `high`, in the order to show.
        x: title of the values with their unit.
        y: title of the names.

    Returns:
        a Vega-Lite specification.

    Raises:
        ImportError: if altair is not installed.

    >>> from jaxsample.study import charts
    >>> spec = charts.bars([{"name": "EDT", "value": 2.5}], "cost per token (%)", "strategy")
    >>> spec["layer"][0]["encoding"]["y"]["title"]
    'strategy'
    """
    alt = _altair()
    data = [
        {name: row.get(name) for name in ("name", "value", "low", "high")}
        | {"text": _text(row["value"], row.get("low"), row.get("high"))}
        for row in rows
    ]
    base = _chart(alt, data).encode(alt.Y("name:N", title=y, sort=None))
    words = [alt.Tooltip("name:N", title=y), alt.Tooltip("text:N", title=x)]
    bar = base.mark_bar(color=PALETTE[0], height={"band": 0.7})
    chart = alt.layer(
        bar.encode(alt.X("value:Q", title=x), tooltip=words),
        base.mark_rule(strokeWidth=2).encode(alt.X("low:Q", title=x), alt.X2("high")),
    )
    return _spec(alt, chart) | {"height": max(80, 28 * len(data))}


POINT = ("x", "y", "colour")


def style(ink: str, line: str) -> dict[str, Any]:
    """Return the Vega configuration of a place to show charts in.

    Args:
        ink: the colour of text.
        line: the colour of grid lines and axes.

    >>> from jaxsample.study import charts
    >>> charts.style("#1c2128", "#d9dee5")["axis"]["gridColor"]
    '#d9dee5'
    """
    words = {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12}
    words |= {"titleFontWeight": "normal"}
    axis = words | {"gridColor": line, "domainColor": line, "tickColor": line, "labelFlush": False}
    place = {"orient": "bottom", "columns": 4, "symbolStrokeWidth": 2, "labelLimit": 180}
    return {
        "background": "transparent",
        "padding": {"left": 5, "right": 15, "top": 5, "bottom": 5},  # half a label of the axis
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": axis,
        "legend": words | place,
        "rule": {"color": ink},
        "title": {"color": ink},
    }


def png(spec: Spec, path: str | Path) -> None:
    """Write a chart as a PNG on white, at twice its size; nothing is fetched.

    Args:
        spec: a Vega-Lite specification with its data inside.
        path: the file.

    Raises:
        ValueError: if the specification cannot be drawn.
        ImportError: if vl-convert-python is not installed.

    >>> from jaxsample.study import charts
    >>> spec = charts.bars([{"name": "EDT", "value": 2.5}], "cost (%)", "strategy")
    >>> charts.png(spec, getfixture("tmp_path") / "cost.png")
    """
    try:
        import vl_convert
    except ImportError as error:
        raise ImportError("charts as PNG need: pip install 'jaxsample[study]'") from error
    config = style("#1c2128", "#d9dee5") | {"background": "white"}
    image = vl_convert.vegalite_to_png(spec, scale=2, config=config, allowed_base_urls=[])
    Path(path).write_bytes(image)


def _altair():
    try:
        import altair
    except ImportError as error:
        raise ImportError("charts need: pip install 'jaxsample[study]'") from error
    return altair


def _chart(alt, data):
    rows = [{name: _plain(value) for name, value in row.items()} for row in data]
    return alt.Chart(alt.Data(values=rows))


def _spec(alt, chart):
    with alt.theme.enable("none"), alt.data_transformers.enable(consolidate_datasets=False):
        return chart.properties(width=WIDTH, height=HEIGHT).to_dict()


def _axis(channel, field, title):
    return channel(f"{field}:Q", title=title).scale(zero=False, nice=True)


def _colour(channel, field, title=None, **more):
    """Return a channel of colour; layers share a legend where one of them alone asks for it."""
    return channel(f"{field}:N", title=title, sort=None, **more).scale(range=PALETTE)


def _legend_pick(alt, field):
    picked = alt.selection_point(name="picked", fields=[field], bind="legend", toggle="true")
    return picked, alt.when(picked).then(alt.value(1)).otherwise(alt.value(0.1))


def _is_number(value):
    return not isinstance(value, str | bool) and value is not None and math.isfinite(value)


def _plain(value):
    """Return a value JSON can say: numbers of NumPy as Python's, None where none is finite."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value, low, high):
    shown = [f"{part:.4g}" if _is_number(part) else "–" for part in (value, low, high)]
    return shown[0] if low is None else f"{shown[0]} [{shown[1]}, {shown[2]}]"
