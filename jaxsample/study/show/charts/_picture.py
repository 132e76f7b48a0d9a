"""The style of charts, and charts as PNG files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jaxsample.study.show.charts._parts import Spec

# A hot model writes these characters, and a picture passes through XML, which has none of them.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def vega_config(ink: str, line: str) -> dict[str, Any]:
    """Return the Vega configuration that styles a chart for its background.

    Args:
        ink: the colour of text.
        line: the colour of grid lines and axes.

    >>> from jaxsample.study.show.charts._picture import vega_config
    >>> vega_config("#1c2128", "#d9dee5")["axis"]["gridColor"]
    '#d9dee5'
    """
    words = {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12}
    words |= {"titleFontWeight": "normal"}
    axis = words | {"gridColor": line, "domainColor": line, "tickColor": line, "labelFlush": False}
    axis |= {"labelOverlap": True, "labelSeparation": 6}
    place = {"orient": "bottom", "symbolStrokeWidth": 2, "labelLimit": 300}
    place |= {"columns": {"expr": "max(1, floor(width / 180))"}}
    return {
        "background": "transparent",
        "padding": {"left": 5, "right": 15, "top": 5, "bottom": 5},  # room for half a label
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": axis,
        "legend": words | place,
        "rule": {"color": ink},
        "title": {"color": ink},
    }


def write_png(spec: Spec, path: str | Path) -> None:
    """Write a chart as a PNG with a white background, at two pixels per unit.

    The specification is drawn without network access. Control characters in its texts become
    U+FFFD.

    Args:
        spec: a Vega-Lite specification with its data inside.
        path: the file to write.

    Raises:
        ValueError: if the specification cannot be drawn.
        ImportError: if vl-convert-python is not installed.

    >>> from jaxsample.study import write_png
    >>> from jaxsample.study.show.charts._marks import bar_chart
    >>> spec = bar_chart([{"name": "EDT", "value": 2.5}], "cost (%)", "strategy")
    >>> write_png(spec, getfixture("tmp_path") / "cost.png")
    """
    try:
        import vl_convert
    except ImportError as error:
        raise ImportError("charts as PNG need: pip install 'jaxsample[study]'") from error
    config = vega_config("#1c2128", "#d9dee5") | {"background": "white"}
    image = vl_convert.vegalite_to_png(_in_xml(spec), scale=2, config=config, allowed_base_urls=[])
    Path(path).write_bytes(image)


def _in_xml(x: Any) -> Any:
    if isinstance(x, dict):
        return {name: _in_xml(value) for name, value in x.items()}
    if isinstance(x, list):
        return [_in_xml(value) for value in x]
    return NOT_IN_XML.sub("\ufffd", x) if isinstance(x, str) else x
