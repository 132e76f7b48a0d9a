"""Parts that all charts share: data, axes, colours and legends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
Spec = dict[str, Any]

# Distinct to protan, deutan and tritan readers, and visible on white and on near-black.
PALETTE = ["#3664a1", "#d39317", "#25b17f", "#c22932", "#a419e5", "#7d8590"]
WIDTH, HEIGHT = 560, 340


def altair():
    """Import altair, which is slow, when the first chart is drawn."""
    try:
        import altair
    except ImportError as error:
        raise ImportError("charts need: pip install 'jaxsample[study]'") from error
    return altair


def chart_of(alt, data):
    """Return an altair chart that holds its rows."""
    rows = [{name: plain(value) for name, value in row.items()} for row in data]
    return alt.Chart(alt.Data(values=rows))


def spec_of(alt, chart):
    """Return the Vega-Lite specification of an altair chart, without altair's style."""
    with alt.theme.enable("none"), alt.data_transformers.enable(consolidate_datasets=False):
        return chart.properties(width=WIDTH, height=HEIGHT).to_dict()


def axis(channel, field, title):
    """Return an axis of numbers that need not include zero."""
    return channel(f"{field}:Q", title=title).scale(zero=False, nice=True)


def hue(channel, field, title=None, **more):
    """Return a channel of colour. Layers share one legend if only one of them has it."""
    return channel(f"{field}:N", title=title, sort=None, **more).scale(range=PALETTE)


def legend_pick(alt, field):
    """Return a selection made on the legend, and the opacity that shows it."""
    picked = alt.selection_point(name="picked", fields=[field], bind="legend", toggle="true")
    return picked, alt.when(picked).then(alt.value(1)).otherwise(alt.value(0.1))


def has(data, field):
    """Say whether any row has a value of a field; Vega warns about a field that is empty."""
    return any(row[field] is not None for row in data)


def is_number(value):
    """Say whether a value is a finite number."""
    return not isinstance(value, str | bool) and value is not None and math.isfinite(value)


def plain(value):
    """Return a value with Python's types for JSON. Numbers that are not finite become None."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def with_interval(value, low, high):
    """Return the text of a value and its interval for a tooltip."""
    shown = [f"{part:.4g}" if is_number(part) else "–" for part in (value, low, high)]
    return shown[0] if low is None else f"{shown[0]} [{shown[1]}, {shown[2]}]"
