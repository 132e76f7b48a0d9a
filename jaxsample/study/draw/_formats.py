"""The records of a file with the numbers of their lines, whatever the format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any] | str
"""Fields by name, or what is amiss with the line."""

LINES = ".jsonl", ".ndjson", ".json"
MARK = b"\xef\xbb\xbf"


def records(path: Path, split: str | None) -> tuple[str, Iterator[tuple[int, Record]]]:
    """Return what the file is made of, "line" or "row", and its records, each with its number.

    Raises:
        ValueError: if the file is missing or of another kind, or a table has no header.
        ImportError: if a datasets folder is read and datasets is not installed.
    """
    if path.is_dir():
        return "row", _of_folder(path, split)
    if split is not None:
        raise ValueError(f"{path}: only a datasets folder has splits, not {split!r}")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file or folder")
    if path.suffix.lower() in LINES:
        return "line", _of_lines(path)
    if path.suffix.lower() == ".csv":
        return "line", _of_table(path)
    raise ValueError(
        f"{path}: give a .jsonl file (an object a line), a .csv file with a header, or a folder "
        f"that save_to_disk of the datasets package wrote"
    )


def _of_lines(path: Path) -> Iterator[tuple[int, Record]]:
    with path.open("rb") as file:  # bytes end lines at a line feed alone, as JSONL does
        for number, line in enumerate(file, 1):
            line = line.removeprefix(MARK) if number == 1 else line
            if line.strip():
                yield number, _parsed(line)


def _parsed(line: bytes) -> Record:
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 at byte {error.start + 1}"
    except (ValueError, RecursionError) as error:
        return f"it is not JSON ({error}); a line holds one whole object"
    if not isinstance(record, dict):
        return f"it holds a {type(record).__name__}, not an object with fields"
    return record


def _of_table(path: Path) -> Iterator[tuple[int, Record]]:
    # Bytes that are no UTF-8 become half surrogates, so that the lines with them can be told.
    text = path.read_bytes().removeprefix(MARK).decode(errors="surrogateescape")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    while True:
        number = rows.line_num + 1  # of the record's first line
        try:
            row = next(rows, None)
        except csv.Error as error:
            if not header:
                raise ValueError(f"{path}, line {number}: the header is not CSV: {error}") from None
            yield number, f"it is not CSV: {error}"
            continue
        if row is None:
            return
        if not header:
            header = row
            if len(set(header)) < len(header):
                raise ValueError(f"{path}: two columns of the header have one name: {header}")
        elif any("\udc80" <= letter <= "\udcff" for cell in row for letter in cell):
            yield number, "it is not UTF-8"
        elif row and len(row) != len(header):
            yield number, f"it has {len(row)} cells, but the header names {len(header)} columns"
        elif row:
            yield number, dict(zip(header, row, strict=True))


def _of_folder(path: Path, split: str | None) -> Iterator[tuple[int, Record]]:
    try:
        import datasets
    except ImportError as error:
        raise ImportError("a datasets folder needs: pip install datasets") from error
    try:
        found = datasets.load_from_disk(str(path))
    except FileNotFoundError:
        raise ValueError(f"{path}: it is not a folder that save_to_disk wrote") from None
    if isinstance(found, datasets.DatasetDict):
        names = [str(name) for name in found]
        if split not in names:
            wanted = "choose one" if split is None else f"{split!r} is not one of them"
            raise ValueError(f"{path}: it has the splits {', '.join(names)}; {wanted}")
        found = found[split]
    elif split is not None:
        raise ValueError(f"{path}: it has no splits, so there is no {split!r}")
    yield from enumerate(found.with_format(None))  # type: ignore[misc]
