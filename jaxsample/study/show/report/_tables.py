"""Tables of a study, formatted for reading and as CSV."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

INFINITIES = {"inf": math.inf, "-inf": -math.inf}
MOST_DECIMALS = 6


class Cell(NamedTuple):
    """A formatted cell: its text, its interval, and its sort key ("" sorts last)."""

    text: str
    interval: str
    key: str


class Column(NamedTuple):
    """A formatted column."""

    title: str
    unit: str
    numeric: bool
    cells: list[Cell]


def read_columns(table: Mapping[str, Any]) -> list[Column]:
    """Format the columns of a table. All numbers of a column have the same decimals."""
    return [_column(column, table["rows"]) for column in table["columns"]]


def as_csv(table: Mapping[str, Any]) -> str:
    """Return a table as CSV, with unrounded numbers and two more columns for an interval.

    Args:
        table: one of the `tables` of results.json.

    >>> from jaxsample.study.show.report._tables import as_csv
    >>> columns = [{"name": "setting", "title": "setting"}, {"name": "bleu", "title": "BLEU"}]
    >>> row = {"setting": "T 0.5", "bleu": {"value": 31.25, "ci": [30.1, 32.4]}}
    >>> print(as_csv({"columns": columns, "rows": [row]}))
    setting,bleu,bleu_low,bleu_high
    T 0.5,31.25,30.1,32.4
    """
    names = [column["name"] for column in table["columns"]]
    spread = {name: any(_interval(row.get(name)) for row in table["rows"]) for name in names}
    header = []
    for name in names:
        header += [name, f"{name}_low", f"{name}_high"] if spread[name] else [name]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in table["rows"]:
        cells = []
        for name in names:
            cells.append(_value(row.get(name)))
            if spread[name]:
                cells += _interval(row.get(name)) or ("", "")
        writer.writerow(cells)
    return text.getvalue()


def _column(column, rows):
    cells = [row.get(column["name"]) for row in rows]
    values = [_value(cell) for cell in cells]
    intervals = [_interval(cell) for cell in cells]
    known = [value for value in values if value is not None]
    numeric = bool(known) and all(_number(value) is not None for value in known)
    shown = _format(known, intervals) if numeric else str
    read = []
    for value, interval in zip(values, intervals, strict=True):
        if value is None:
            read.append(Cell("–", "", ""))
            continue
        ends = f"[{shown(interval[0])}, {shown(interval[1])}]" if interval else ""
        number = _number(value)
        key = repr(float(number)) if numeric and number is not None else str(value)
        read.append(Cell(shown(value), ends, key))
    return Column(column["title"], column.get("unit") or "", numeric, read)


def _format(values, intervals):
    """Return a formatter of numbers: three digits, or more if their intervals need them."""
    if all(isinstance(value, int) for value in values) and not any(intervals):
        return lambda value: f"{value:,}"
    sizes = [abs(value) for value in map(_number, values) if value and math.isfinite(value)]
    decimals = 2 - math.floor(math.log10(statistics.median(sizes))) if sizes else 0
    widths = [high - low for low, high in filter(None, intervals) if _finite(low, high)]
    widths = [width for width in widths if width > 0]
    if widths:
        decimals = max(decimals, 1 - math.floor(math.log10(statistics.median(widths))))
    decimals = max(0, decimals)
    if not any(intervals) and decimals <= MOST_DECIMALS:
        decimals = min(decimals, max((_decimals(value, decimals) for value in sizes), default=0))

    def shown(value):
        number = _number(value)
        if number is None or not math.isfinite(number):
            return "–" if number is None else "∞" if number > 0 else "−∞"
        text = f"{number:.3g}" if decimals > MOST_DECIMALS else f"{number:,.{decimals}f}"
        return text.replace("-", "−", 1)

    return shown


def _decimals(value, most):
    return len(f"{value:.{most}f}".partition(".")[2].rstrip("0"))


def _value(cell):
    return cell.get("value") if isinstance(cell, dict) else cell


def _interval(cell):
    return tuple(cell["ci"]) if isinstance(cell, dict) and cell.get("ci") else None


def _number(value):
    if isinstance(value, str):
        return INFINITIES.get(value)
    return None if value is None or isinstance(value, bool) else value


def _finite(*values):
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)
