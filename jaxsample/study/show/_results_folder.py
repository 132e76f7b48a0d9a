"""The folder of a study: results.json, a CSV of each table and a PNG of each chart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxsample.interop._files import write_whole
from jaxsample.learn._hosts import is_first
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._versions import versions
from jaxsample.study.show.charts._picture import write_png
from jaxsample.study.show.report._tables import as_csv

RESULTS = "results.json"


def results(
    source: Source, study: str, title: str, about: str, *, command: str, quick: bool
) -> dict[str, Any]:
    """Start the results of a study: its title, model, command and library versions."""
    model = {"name": source.name, "digest": source.digest, "parameters": source.parameters}
    return {
        "study": study,
        "title": title,
        "about": " ".join(about.split()),
        "command": command,
        "quick": quick,
        "model": model,
        "versions": versions(),
        "tables": [],
        "charts": [],
        "texts": [],
        "notes": [],
    }


def table(
    name: str,
    title: str,
    caption: str,
    columns: Mapping[str, tuple[str, str | None]],
    rows: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Make a table from the title and unit of each column and the cells of each row.

    A cell is a text, a number, or the result of `cell`.
    """
    heads = [
        {"name": column, "title": head} | ({} if unit is None else {"unit": unit})
        for column, (head, unit) in columns.items()
    ]
    kept = [{column: row.get(column) for column in columns} for row in rows]
    return {"name": name, "title": title, "caption": caption, "columns": heads, "rows": kept}


def cell(value: float, ci: Sequence[float] | None = None) -> dict[str, Any]:
    """Make a cell of a number and its interval."""
    return {"value": value, "ci": None if ci is None else list(ci)}


def chart(name: str, title: str, caption: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Make a chart. The caption describes it in a sentence."""
    return {"name": name, "title": title, "caption": caption, "spec": spec}


def write(folder: str | Path, found: Mapping[str, Any]) -> Path:
    """Write results.json, a CSV of each table and a PNG of each chart.

    JSON has no infinity and no NaN: they are written as "inf", "-inf" and null. Of several
    processes the first alone writes.

    Returns:
        the path of results.json.
    """
    folder = Path(folder)
    if not is_first():
        return folder / RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    said = writable(found)
    for one in said["tables"]:
        (folder / f"{one['name']}.csv").write_text(as_csv(one), "utf-8")
    for one in found["charts"]:
        write_png(one["spec"], folder / f"{one['name']}.png")
    path = folder / RESULTS
    compact = json.dumps(said, allow_nan=False, separators=(",", ":"))
    write_whole(path, (compact + "\n").encode())
    return path


def writable(x: Any) -> Any:
    """Return x with JSON types and finite numbers only."""
    if isinstance(x, Mapping):
        return {str(name): writable(value) for name, value in x.items()}
    if isinstance(x, list | tuple):
        return [writable(value) for value in x]
    if isinstance(x, np.generic | np.ndarray):
        return writable(x.tolist())
    if isinstance(x, float) and not math.isfinite(x):
        return None if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x
