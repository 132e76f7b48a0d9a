"""The folder that a sweep writes to: made, checked and locked."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = "sweep.lock"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a ValueError that names the file or folder.

    Raises:
        ValueError: if the body of the `with` block raises OSError.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written ({error.strerror}); give another folder, or run the same "
            "command again once it can be written: a sweep resumes where it stopped"
        ) from None


def writable(folder: Path) -> None:
    """Make a folder where it is missing, and make sure that files can be written there.

    Raises:
        ValueError: if the path is a file or the folder cannot be written. The message names it.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give a folder to write to")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other sweep out of a folder while this one runs.

    The system drops the lock when the process ends, however it ends. Windows has no such lock, so
    two sweeps can meet in one folder there.

    Raises:
        ValueError: if another sweep holds the folder. The message names the folder and the process.
    """
    if fcntl is None:
        yield
        return
    with writing(folder):
        file = (folder / LOCK).open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip()
            by = f"process {holder}" if holder else "another process"
            raise ValueError(
                f"{folder} is in use by {by}, which runs a sweep there; wait for it to end, or "
                "give another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
