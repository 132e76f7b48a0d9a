"""Files that git-lfs left in place of the real ones."""

from __future__ import annotations

import pathlib

from ._errors import CheckpointError

_START = b"version https://git-lfs.github.com/spec/"


def refuse_pointer(file: pathlib.Path) -> None:
    """Raise CheckpointError if a file is a git-lfs pointer."""
    with open(file, "rb") as opened:
        if opened.read(len(_START)) == _START:
            raise CheckpointError(
                f"{file}: a git-lfs pointer, not the file itself; run `git lfs pull` in its "
                f"repository, or download the file again"
            )
