"""Charts: their data, and that Vega-Lite draws all of it."""

import math

import numpy as np
import pytest

pytest.importorskip("altair")
vl_convert = pytest.importorskip("vl_convert")

from jaxsample.study.show.charts._curves import front_chart, line_chart  # noqa: E402
from jaxsample.study.show.charts._marks import (  # noqa: E402
    MOST_LABELS,  # noqa: E402
    bar_chart,
    heat_map,
    scatter_chart,
)
from jaxsample.study.show.charts._parts import PALETTE, WIDTH  # noqa: E402
from jaxsample.study.show.charts._picture import write_png  # noqa: E402

FRONT = [
    {"x": 60.0, "y": 31.0, "x_ci": [59, 61], "y_ci": [30, 32], "family": "fixed", "setting": "a"},
    {"x": 50.0, "y": 29.0, "family": "fixed", "setting": 'T < 1 & "b"'},
    {"x": 40.0, "y": 30.0, "y_ci": [29, 31], "family": "EDT", "setting": "c"},
]
LINES = [
    {"x": i, "y": y, "low": y - 1, "high": y + 1, "series": name}
    for name, y in (("one", 2.0), ("two", 3.0))
    for i in range(4)
]
HEAT = [{"x": t, "y": c, "value": 10 * t + c} for t in (0.5, 1.0, 1.5) for c in (0, 1)]
POINTS = [{"x": i, "y": -i, "colour": 0.5 * i, "a.b [c]": f"text {i}"} for i in range(5)]
BARS = [{"name": "EDT", "value": 1.5, "low": 1.0, "high": 2.0}, {"name": "KL", "value": 98.0}]

CHARTS = {
    "front": front_chart(FRONT, "Self-BLEU (%)", "ROUGE-L F1 (%)"),
    "lines": line_chart(LINES, "token", "temperature"),
    "heat": heat_map(HEAT, "T0", "theta (nats)", "EDA (%)"),
    "map": scatter_chart(POINTS, "component 1", "component 2", "temperature"),
    "named map": scatter_chart(
        [point | {"colour": f"T {point['colour']}"} for point in POINTS], "1", "2", "setting"
    ),
    "bars": bar_chart(BARS, "cost per token (%)", "strategy"),
    "front without intervals": front_chart([FRONT[1]], "Self-BLEU (%)", "ROUGE-L F1 (%)"),
    "lines without intervals": line_chart([{"x": 0, "y": 1, "series": "one"}], "token", "T"),
    "bars without intervals": bar_chart([BARS[1]], "cost per token (%)", "strategy"),
}
MARKS = {  # how many of Vega's marks the data above must become
    "front": {"symbol": 3, "line": 2},
    "lines": {"symbol": 8, "line": 2, "area": 2},
    "heat": {"rect": 6, "text": 6},
    "map": {"symbol": 5},
    "named map": {"symbol": 5},
    "bars": {"rect": 2},
    "front without intervals": {"symbol": 1, "line": 1},
    "lines without intervals": {"symbol": 1, "line": 1},
    "bars without intervals": {"rect": 1},
}


def drawn(scene, kind):
    """Count the visible items of a kind of mark, without those of axes and legends."""
    found = 0
    if scene.get("role") == "mark" and scene.get("marktype") == kind:
        if kind in ("line", "area"):
            return 1
        return len(scene["items"])
    for item in scene.get("items", []):
        found += drawn(item, kind)
    return found


@pytest.mark.parametrize("name", CHARTS)
def test_vega_lite_draws_every_row_without_a_warning(name, capfd):
    scene = vl_convert.vegalite_to_scenegraph(CHARTS[name], show_warnings=True)["scenegraph"]
    assert capfd.readouterr() == ("", "")
    for mark, count in MARKS[name].items():
        assert drawn(scene, mark) == count, mark


def test_a_png_is_twice_its_size_and_on_white(tmp_path):
    path = tmp_path / "bars.png"
    write_png(CHARTS["bars"], path)
    image = path.read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(image[16:20], "big") > 2 * WIDTH


def test_control_characters_of_a_text_do_not_break_a_picture(tmp_path):
    odd = "a" + "".join(map(chr, range(32))) + "\x7f\ud800\uffff<&>b"
    point = {"x": 1.0, "y": 2.0, "colour": 0.5, "text": odd}
    write_png(scatter_chart([point], "x", "y", "colour"), tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 1000


def test_what_is_not_finite_is_left_out():
    rows = [{"x": np.float32(1.5), "y": math.nan, "family": "f", "setting": "s"}]
    (row,) = front_chart(rows, "x", "y")["data"]["values"]
    assert row["x"] == 1.5 and type(row["x"]) is float
    assert row["y"] is None and row["y_text"] == "–"


def test_a_wide_heat_map_has_no_numbers_in_its_cells():
    rows = [{"x": i, "y": 0, "value": i} for i in range(MOST_LABELS + 1)]
    assert len(heat_map(rows, "x", "y", "v")["layer"]) == 1


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("ground", ["#ffffff", "#14171c"])
def test_the_palette_is_seen_on_light_and_dark(ground):
    for colour in PALETTE:
        dark, light = sorted((luminance(colour), luminance(ground)))
        assert (light + 0.05) / (dark + 0.05) >= 2.5, colour
