"""A file of texts that grows line by line, and that the same command completes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxsample.cli import interrupt

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PERIOD = 1.0  # seconds after which rows are written through to the disk
SHOWN = 60  # characters of a value in a message
GROWING = "samples", "prompts", "data"
REMEDY = "give the same ones, or another --out"


class RowsFile:
    """Rows as JSON, a line each, in the order in which they come.

    Attributes:
        done: the index and sample of every row that was in the file before.
    """

    def __init__(self, file: io.FileIO, done: set[tuple[int, int]]):
        self._file, self.done = file, done
        self._synced = time.monotonic()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one row; it stays in the file if the process is killed.

        If the whole machine stops, the rows of the last second may be lost.

        Raises:
            OSError: if it cannot be written, as on a full disk.
        """
        line = memoryview((json.dumps(row) + "\n").encode())
        with interrupt.lock:
            while line:
                line = line[self._file.write(line) :]
        if time.monotonic() - self._synced > PERIOD:
            self.sync()

    def sync(self) -> None:
        """Write the rows through to the disk."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


@contextlib.contextmanager
def opened(
    path: Path, settings: Mapping[str, Any], prompts: Sequence[str], samples: int
) -> Iterator[RowsFile]:
    """Open a file for the rows of some settings, which are kept beside it.

    Prompts may follow at the end, and the samples may become more; the rows of these are missing
    ones. A last line that an earlier run wrote in part is dropped.

    Args:
        path: the file. The settings lie in a file whose name has ".settings.json" added.
        settings: what decides the rows, by name; JSON.
        prompts: a text for each prompt, equal for equal prompts.
        samples: how many rows each prompt has.

    Raises:
        ValueError: if the file was begun with other settings, is damaged, or another process
            writes to it. The message names the file and the remedy.
        OSError: if a file cannot be read or written.
    """
    beside = path.with_name(f"{path.name}.settings.json")
    now = {**settings, "samples": samples, "prompts": len(prompts), "data": _digest(prompts)}
    # Without a buffer, no part of a row is written after an error.
    with open(path, "ab", buffering=0) as file:
        _lock(file, path)
        there = _settings(beside)
        if there is None and path.stat().st_size:
            raise ValueError(
                f"{path} is not empty, but there is no {beside.name}, which says how its rows were "
                "drawn; restore that file, or give another --out"
            )
        done, end = _rows(path)
        if done and there is not None:
            _compare(path, there, now, prompts)
        if any(index >= len(prompts) or sample >= samples for index, sample in done):
            raise ValueError(f"{path} holds rows of other prompts; {REMEDY}")
        if there != now:
            new = beside.with_name(f"{beside.name}.new")
            new.write_text(json.dumps(now, indent=1) + "\n", "utf-8")
            os.replace(new, beside)
        os.truncate(path, end)
        rows = RowsFile(file, done)
        yield rows
        rows.sync()


def _lock(file, path):
    """Keep other processes out of a file until it is closed; on Windows they are not kept out."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ValueError(
            f"{path} is in use by another process; wait for it to end, or give another --out"
        ) from None


def _rows(path):
    """Return the index and sample of every whole row, and the byte at which the last one ends."""
    done, end = set(), 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            end += len(line)
            try:
                row = json.loads(line.decode())
                place = row["index"], row["sample"]
                if not all(type(one) is int and one >= 0 for one in place):
                    raise ValueError(f"index and sample are {place}")
                if place in done:
                    raise ValueError(f"index and sample {place} are there already")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"{path}, line {number} is damaged ({error}); delete this line and run the "
                    "same command again, which draws it anew"
                ) from None
            done.add(place)
    return done, end


def _settings(path):
    try:
        found = json.loads(path.read_bytes().decode())
        kinds = {"samples": int, "prompts": int, "data": str}
        if not all(isinstance(found[name], kind) for name, kind in kinds.items()):
            raise TypeError("it holds other things")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); restore that file, or give another --out"
        ) from None
    return found


def _compare(path, there, now, prompts):
    """Raise ValueError if the rows in the file were drawn with other settings."""
    names = [name for name in now if name not in GROWING and there.get(name) != now[name]]
    names += [name for name in ("samples", "prompts") if now[name] < there[name]]
    if "sampler" in names and "values" in names:  # the text of the sampler shows enough
        names.remove("values")
    other = [f"{name} {_shown(there.get(name))}, now {_shown(now[name])}" for name in names]
    count = there["prompts"]
    if count <= len(prompts) and _digest(prompts[:count]) != there["data"]:
        other.append("the text of its prompts")
    if other:
        raise ValueError(f"{path} was begun with other settings: {'; '.join(other)}; {REMEDY}")


def _shown(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _digest(prompts):
    return hashlib.sha256(json.dumps(prompts).encode()).hexdigest()[:16]
