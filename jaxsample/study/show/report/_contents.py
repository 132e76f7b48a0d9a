"""The files in the folder of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from jaxsample.interop._files import check, read_json

RESULTS = "results.json"
ROWS = ("rows.jsonl", "rows.parquet")
SMALL = 400_000  # bytes of the largest file of rows that a page includes

# The fields that a page shows; see `check`.
SHAPE = {
    "study": str,
    "title": str,
    "about": str,
    "command": str,
    "quick?": bool,
    "model": {"name": str, "digest?": str, "parameters?": int},
    "versions": {"*": str},
    "tables": [
        {
            "name": str,
            "title": str,
            "caption": str,
            "columns": [{"name": str, "title": str, "unit?": str}],
            "rows": [dict],
        }
    ],
    "charts": [{"name": str, "title": str, "caption": str, "spec": dict}],
    "texts": [{"item": str, "prompt": str, "samples": [{"setting": str, "pieces": [str]}]}],
    "notes": [str],
}
PER_TOKEN = ("probabilities", "entropy", "temperature")
CELL = {"value": object, "ci?": object}


class Rows(NamedTuple):
    """The file of rows of a study: its name, its size in bytes, and its text if it is small."""

    name: str
    size: int
    text: str | None


def read_results(folder: str | Path) -> dict[str, Any]:
    """Read the results.json of a study.

    Args:
        folder: the folder that the study wrote, the `--out` of `jaxsample study`.

    Returns:
        the contents of results.json. "tables" holds the numbers, "charts" the Vega-Lite
        specifications that `write_png` draws, and "texts" some samples. A NaN is None, and an
        infinity is the text "inf" or "-inf".

    Raises:
        ValueError: if there is no results.json or a field is missing or wrong. The message names
            the file and the field.

    >>> from jaxsample.study import read_results
    >>> read_results("nowhere")
    Traceback (most recent call last):
    ValueError: nowhere holds no results: there is no results.json
    """
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise ValueError(f"{folder} holds no results: there is no {RESULTS}")
    what = "the results of a study"
    data = read_json(path, SHAPE, what, _constant)
    try:
        for i, table in enumerate(data["tables"]):
            for j, row in enumerate(table["rows"]):
                for name, cell in row.items():
                    _check_cell(cell, f"tables[{i}].rows[{j}].{name}")
        for i, text in enumerate(data["texts"]):
            for j, sample in enumerate(text["samples"]):
                _check_per_token(sample, f"texts[{i}].samples[{j}]")
    except ValueError as error:
        raise ValueError(f"{path} is not {what}: {error}") from None
    return data


def rows(folder: str | Path) -> Rows | None:
    """Return the rows of a study, or None if its folder has none."""
    for name in ROWS:
        path = Path(folder) / name
        if path.is_file():
            size = path.stat().st_size
            small = name.endswith(".jsonl") and size <= SMALL
            return Rows(name, size, path.read_text("utf-8", "replace") if small else None)
    return None


def _constant(name):
    return None if name == "NaN" else name.replace("Infinity", "inf")


def _check_cell(cell, where):
    if isinstance(cell, dict):
        check(cell, CELL, where)
        ci = cell.get("ci")
        if ci is not None and not (isinstance(ci, list) and len(ci) == 2 and all(map(_plain, ci))):
            raise ValueError(f"{where}.ci must be null or a list of two numbers")
        cell = cell["value"]
    if not _plain(cell):
        raise ValueError(f"{where} must be a text, a number or null")


def _plain(value):
    return value is None or isinstance(value, str | int | float)


def _check_per_token(sample, where):
    tokens = len(sample["pieces"])
    for name in PER_TOKEN:
        values = sample.get(name)
        if values is None:
            continue
        if not isinstance(values, list) or len(values) != tokens:
            message = f"must be a list of {tokens} values, one for each piece"
            raise ValueError(f"{where}.{name} {message}")
