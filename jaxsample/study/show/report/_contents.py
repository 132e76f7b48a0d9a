"""What a study left in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = "results.json"
ROWS = ("rows.jsonl", "rows.parquet")
SMALL = 400_000  # bytes of rows a page carries with it; more are named only

# The fields a page shows, as an example of each: a list holds any number of its one member.
SHAPE = {
    "study": str,
    "title": str,
    "about": str,
    "command": str,
    "model": {"name": str},
    "versions": dict,
    "tables": [
        {
            "name": str,
            "title": str,
            "caption": str,
            "columns": [{"name": str, "title": str}],
            "rows": [dict],
        }
    ],
    "charts": [{"name": str, "title": str, "caption": str, "spec": dict}],
    "texts": [{"item": str, "prompt": str, "samples": [{"setting": str, "pieces": [str]}]}],
    "notes": [str],
}
PER_TOKEN = ("probabilities", "entropy", "temperature")
KINDS = {str: "a text", dict: "an object", list: "a list"}


class Rows(NamedTuple):
    """The file of a study's rows: its name, its size in bytes, and its text where it is small."""

    name: str
    size: int
    text: str | None


def read_results(folder: str | Path) -> dict[str, Any]:
    """Read the results.json of a study.

    NaN becomes None, an infinity the text "inf" or "-inf".

    Args:
        folder: where the study wrote.

    Raises:
        ValueError: if there is no results.json, or it lacks a field; the message names it.

    >>> from jaxsample.study import read_results
    >>> read_results("nowhere")
    Traceback (most recent call last):
    ValueError: nowhere holds no results: there is no results.json
    """
    path = Path(folder) / RESULTS
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_constant)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{folder} holds no results: there is no {RESULTS}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    try:
        _check(data, SHAPE, "")
        for i, text in enumerate(data["texts"]):
            for j, sample in enumerate(text["samples"]):
                _check_per_token(sample, f"texts[{i}].samples[{j}]")
    except ValueError as error:
        raise ValueError(f"{path} is not the results of a study: {error}") from None
    return data


def rows(folder: str | Path) -> Rows | None:
    """Return the rows of a study, or None where its folder holds none."""
    for name in ROWS:
        path = Path(folder) / name
        if path.is_file():
            size = path.stat().st_size
            small = name.endswith(".jsonl") and size <= SMALL
            return Rows(name, size, path.read_text(encoding="utf-8") if small else None)
    return None


def _constant(name):
    return None if name == "NaN" else name.replace("Infinity", "inf")


def _check(value, shape, where):
    kind = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind):
        raise ValueError(f"{where or 'the file'} must be {KINDS[kind]}")
    if isinstance(shape, dict):
        for name, inner in shape.items():
            place = f"{where}.{name}" if where else name
            if name not in value:
                raise ValueError(f"{place} is missing")
            _check(value[name], inner, place)
    if isinstance(shape, list):
        for i, item in enumerate(value):
            _check(item, shape[0], f"{where}[{i}]")


def _check_per_token(sample, where):
    tokens = len(sample["pieces"])
    for name in PER_TOKEN:
        values = sample.get(name)
        if values is None:
            continue
        if not isinstance(values, list) or len(values) != tokens:
            raise ValueError(f"{where}.{name} must be a list of {tokens}, as its pieces")
