"""Rows on disk: written as they come, and gone on with after any kind of end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

Row = dict[str, Any]
LINES = "rows.jsonl"
PARTS = "rows.parquet"


class Store(Protocol):
    """Where the rows of a sweep are kept."""

    def resume(self, starts: list[int]) -> int:
        """Keep the whole batches an earlier run left, drop the rest, and return how many rows.

        Args:
            starts: the number of rows before each batch, and in the end that of all.
        """
        ...

    def append(self, rows: list[Row]) -> None:
        """Keep the rows of one batch: all of them or, if the process ends first, not all."""
        ...

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        ...


class Memory:
    """Rows that are kept nowhere else."""

    def __init__(self):
        self._rows: list[Row] = []

    def resume(self, starts: list[int]) -> int:
        """There is nothing to go on from."""
        return 0

    def append(self, rows: list[Row]) -> None:
        """Keep the rows of one batch."""
        self._rows += rows

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        return self._rows


class Lines:
    """Rows as JSON, a line each, in one file."""

    def __init__(self, folder: Path):
        self._path = folder / LINES

    def resume(self, starts: list[int]) -> int:
        """Keep whole batches: a torn line, and the batch it belongs to, are dropped."""
        if not self._path.exists():
            return 0
        ends = [0]  # of whole lines, in bytes
        with open(self._path, "rb+") as file:
            for line in file:
                if line.endswith(b"\n"):
                    ends.append(ends[-1] + len(line))
            kept = max(start for start in starts if start < len(ends))
            if ends[kept] < file.seek(0, os.SEEK_END):
                file.truncate(ends[kept])
        return kept

    def append(self, rows: list[Row]) -> None:
        """Write the rows of one batch through to the disk."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        with open(self._path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class Parquet:
    """Rows as a folder of Parquet files, one for each batch; `chain` and `versions` are JSON.

    Raises:
        ImportError: if pyarrow is not installed.
    """

    def __init__(self, folder: Path):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError("Parquet needs: pip install 'jaxsample[study]'") from error
        self._pyarrow, self._parquet = pyarrow, pyarrow.parquet
        self._folder = folder / PARTS
        self._folder.mkdir(exist_ok=True)
        self._count = 0

    def resume(self, starts: list[int]) -> int:
        """Keep the files up to the first that is missing: each is renamed when it is whole."""
        while self._part(self._count).exists():
            self._count += 1
        return starts[self._count]

    def append(self, rows: list[Row]) -> None:
        """Write the rows of one batch."""
        written = [
            {k: json.dumps(v) if isinstance(v, dict) else v for k, v in r.items()} for r in rows
        ]
        part = self._part(self._count)
        beside = part.with_suffix(".new")
        self._parquet.write_table(self._pyarrow.Table.from_pylist(written), beside)
        os.replace(beside, part)
        self._count += 1

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        rows: list[Row] = []
        for i in range(self._count):
            rows += self._parquet.read_table(self._part(i)).to_pylist()
        for row in rows:
            row.update({k: json.loads(row[k]) for k in ("chain", "versions")})
        return rows

    def _part(self, i):
        return self._folder / f"{i:06}.parquet"
