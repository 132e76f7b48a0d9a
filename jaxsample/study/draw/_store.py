"""The rows of a sweep, in memory or on disk, and how a sweep resumes from them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from jaxsample.interop._files import check
from jaxsample.study.draw._sweep_folder import writing

Row = dict[str, Any]
Place = tuple[str, str, int, int]
"""The setting, item, seed and sample of a row."""

LINES = "rows.jsonl"
PARTS = "rows.parquet"
PLACE = "setting", "item", "seed", "sample"
SHAPE = {
    "setting": str,
    "chain": dict,
    "item": str,
    "seed": int,
    "sample": int,
    "prompt": str,
    "text": str,
    "tokens": list,
    "logprobs": list,
    "model_logprobs": list,
    "entropy": list,
    "kept": list,
    "ended": bool,
    "invalid": bool,
    "model": str,
    "versions": dict,
}


class Store(Protocol):
    """Where the rows of a sweep are kept."""

    def resume(self, batches: Sequence[Sequence[Place]]) -> int:
        """Keep the whole batches that an earlier run wrote and return how many there are.

        Rows of a batch that is not whole are dropped.

        Args:
            batches: the place of every row that the sweep draws, batch by batch.

        Raises:
            ValueError: if a row is damaged or is not the one that the sweep draws there. The
                message names the file and the row.
        """
        ...

    def append(self, rows: list[Row]) -> None:
        """Write the rows of one batch.

        Raises:
            ValueError: if they cannot be written.
        """
        ...

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        ...


class Memory:
    """Rows that are only kept in memory."""

    def __init__(self):
        self._rows: list[Row] = []

    def resume(self, batches: Sequence[Sequence[Place]]) -> int:
        """Return 0: there is no earlier run."""
        return 0

    def append(self, rows: list[Row]) -> None:
        """Keep the rows of one batch."""
        self._rows += rows

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        return self._rows


class Lines:
    """Rows as JSON in one file, a line each."""

    def __init__(self, folder: Path):
        self._path = folder / LINES

    def resume(self, batches: Sequence[Sequence[Place]]) -> int:
        """Keep whole batches; an incomplete last line is dropped with its batch."""
        if not self._path.exists():
            return 0
        wanted = [place for batch in batches for place in batch]
        ends = [0]  # of whole lines, in bytes
        for number, (row, end) in enumerate(self._rows(), 1):
            where = f"{self._path}, line {number}"
            if number > len(wanted):
                raise ValueError(f"{where}: the sweep draws {len(wanted)} rows; {REMEDY}")
            _same(row, wanted[number - 1], where)
            ends.append(end)
        kept, done = 0, 0
        while done < len(batches) and kept + len(batches[done]) < len(ends):
            kept, done = kept + len(batches[done]), done + 1
        if ends[kept] < self._path.stat().st_size:
            with writing(self._path):
                os.truncate(self._path, ends[kept])
        return done

    def append(self, rows: list[Row]) -> None:
        """Write the rows of one batch through to the disk."""
        with writing(self._path), open(self._path, "a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        return [row for row, _ in self._rows()]

    def _rows(self) -> Iterator[tuple[Row, int]]:
        """Yield every whole line as a row, and the byte at which the line ends."""
        end = 0
        with open(self._path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):  # the process ended while it wrote the line
                    return
                end += len(line)
                try:
                    row = json.loads(line.decode())
                    check(row, SHAPE)
                except (ValueError, RecursionError) as error:
                    raise ValueError(
                        f"{self._path}, line {number} is damaged ({error}); delete it and all "
                        "lines after it, and run the sweep again: it resumes there"
                    ) from None
                yield row, end


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
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
        self._count = 0

    def resume(self, batches: Sequence[Sequence[Place]]) -> int:
        """Keep the files before the first missing one; only a whole file has its name."""
        while self._part(self._count).exists():
            path = self._part(self._count)
            if self._count == len(batches):
                raise ValueError(f"{path}: the sweep draws {len(batches)} batches; {REMEDY}")
            rows, batch = self._rows(path, list(PLACE)), batches[self._count]
            if len(rows) != len(batch):
                raise ValueError(f"{path} has {len(rows)} rows, not {len(batch)}; {REMEDY}")
            for number, (row, place) in enumerate(zip(rows, batch, strict=True), 1):
                _same(row, place, f"{path}, row {number}")
            self._count += 1
        return self._count

    def append(self, rows: list[Row]) -> None:
        """Write the rows of one batch."""
        written = [
            {k: json.dumps(v) if isinstance(v, dict) else v for k, v in r.items()} for r in rows
        ]
        part = self._part(self._count)
        beside = part.with_suffix(".new")
        with writing(part):
            self._parquet.write_table(self._pyarrow.Table.from_pylist(written), beside)
            os.replace(beside, part)
        self._count += 1

    def read(self) -> list[Row]:
        """Return all rows, in order."""
        rows = [row for i in range(self._count) for row in self._rows(self._part(i))]
        for row in rows:
            row.update({k: json.loads(row[k]) for k in ("chain", "versions")})
        return rows

    def _part(self, i: int) -> Path:
        return self._folder / f"{i:06}.parquet"

    def _rows(self, path: Path, columns: list[str] | None = None) -> list[Row]:
        try:
            return self._parquet.read_table(path, columns=columns).to_pylist()
        except (self._pyarrow.ArrowException, OSError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); delete it and all files after it, and run the sweep "
                "again: it resumes there"
            ) from None


REMEDY = "these are not this sweep's rows: restore the file, or give another folder"


def _same(row: Row, place: Place, where: str) -> None:
    found = tuple(row.get(name) for name in PLACE)
    if found != place:
        raise ValueError(
            f"{where} holds (setting, item, seed, sample) {found}, but the sweep draws {place} "
            f"there; {REMEDY}"
        )
