"""Paths that a command writes to, checked before any work is done."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def check_file(flag: str, path: Path) -> None:
    """Refuse a path where no file can be written.

    Raises:
        ValueError: with the reason and the remedy.
    """
    if path.is_dir():
        raise ValueError(f"{flag}: {path} is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"{flag}: there is no folder {path.parent}")
    _check_writable(flag, path, path if path.exists() else path.parent)


def check_folder(flag: str, path: Path) -> None:
    """Refuse a path where no folder can be made or written to.

    Raises:
        ValueError: with the reason and the remedy.
    """
    there = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
    if not there.is_dir():
        raise ValueError(f"{flag}: {there} is not a folder; give another path")
    _check_writable(flag, path, there)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add this path to an error of writing that names no file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def _check_writable(flag, path, there):
    if not os.access(there, os.W_OK):
        raise ValueError(
            f"{flag}: {path} cannot be written; check the permissions of {there}, or give another "
            "path"
        )
