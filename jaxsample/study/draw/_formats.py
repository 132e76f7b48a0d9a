"""The records of a file of prompts, in any of its formats, with their line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any] | str
"""Fields by name, or a text that describes the error in the line."""

LINES = ".jsonl", ".ndjson", ".json"
TEXT = "prompt"  # the field that a line of a text file fills
MARK = codecs.BOM_UTF8
UTF_16 = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE


def records(path: Path, split: str | None) -> tuple[str, Iterator[tuple[int, Record]]]:
    """Return "line" or "row", which the file is made of, and its numbered records.

    Raises:
        ValueError: if the file is missing, cannot be read or has an unknown format, or a table has
            no header. The message names the file.
        ImportError: if the path is a datasets folder and datasets is not installed.
    """
    if path.is_dir():
        return "row", _of_folder(path, split)
    if split is not None:
        raise ValueError(f"{path}: only a datasets folder has splits, not {split!r}")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file or folder")
    formats = dict.fromkeys(LINES, _of_lines) | {".csv": _of_table, ".txt": _of_text}
    if path.suffix.lower() not in formats:
        raise ValueError(
            f"{path}: give a .jsonl file (an object a line), a .csv file with a header, a .txt "
            "file (a prompt a line), or a folder that save_to_disk of the datasets package wrote"
        )
    try:
        with path.open("rb") as file:
            start = file.read(len(MARK))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    if start.startswith(UTF_16):
        raise ValueError(f"{path} is UTF-16; save it as UTF-8")
    return "line", formats[path.suffix.lower()](path)


def _of_lines(path: Path) -> Iterator[tuple[int, Record]]:
    for number, line in _lines(path):
        yield number, _parsed(line)


def _of_text(path: Path) -> Iterator[tuple[int, Record]]:
    for number, line in _lines(path):
        try:
            yield number, {TEXT: line.rstrip(b"\r\n").decode()}
        except UnicodeDecodeError as error:
            yield number, _not_utf_8(error)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, and their numbers."""
    with path.open("rb") as file:  # in binary a line ends at a line feed only, as in JSON Lines
        for number, line in enumerate(file, 1):
            line = line.removeprefix(MARK) if number == 1 else line
            if line.strip():
                yield number, line


def _parsed(line: bytes) -> Record:
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return _not_utf_8(error)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON ({error}); a line holds one whole object"
    if not isinstance(record, dict):
        return f"its type is {type(record).__name__}, not an object with fields"
    return record


def _not_utf_8(error: UnicodeDecodeError) -> str:
    return f"it is not UTF-8 at byte {error.start + 1}"


def _of_table(path: Path) -> Iterator[tuple[int, Record]]:
    # Bytes that are not UTF-8 become half surrogates, which mark the lines that hold them.
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
            if _escaped(header):
                raise ValueError(f"{path}, line {number}: the header is not UTF-8")
            if len(set(header)) < len(header):
                raise ValueError(f"{path}: two columns of the header have the same name: {header}")
        elif _escaped(row):
            yield number, "it is not UTF-8"
        elif row and len(row) != len(header):
            yield number, f"it has {len(row)} cells, but the header names {len(header)} columns"
        elif row:
            yield number, dict(zip(header, row, strict=True))


def _escaped(cells: list[str]) -> bool:
    return any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell)


def _of_folder(path: Path, split: str | None) -> Iterator[tuple[int, Record]]:
    try:
        import datasets
    except ImportError as error:
        raise ImportError("a datasets folder needs: pip install datasets") from error
    try:
        found = datasets.load_from_disk(str(path))
    except FileNotFoundError:
        raise ValueError(f"{path}: it is not a folder that save_to_disk wrote") from None
    except Exception as error:  # the error depends on the version of datasets
        raise ValueError(f"{path} cannot be read by datasets: {error}") from error
    if isinstance(found, datasets.DatasetDict):
        names = [str(name) for name in found]
        if split not in names:
            wanted = "choose one" if split is None else f"{split!r} is not one of them"
            raise ValueError(f"{path}: it has the splits {', '.join(names)}; {wanted}")
        found = found[split]
    elif split is not None:
        raise ValueError(f"{path}: it has no splits, so there is no {split!r}")
    for number, record in enumerate(found.with_format(None)):
        yield number, dict(record)
