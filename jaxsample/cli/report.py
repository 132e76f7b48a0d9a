"""Write the report of a study."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def report(results: Sequence[Path], output: Path) -> None:
    """Write one page of the results of studies, and say on stderr where it is.

    Raises:
        ValueError: if a folder holds no results, or the page cannot be written.
        ImportError: if the libraries of the extra "study" are not installed.
    """
    check(output)
    from jaxsample.study import write_report

    size = write_report(results, output)
    print(f"wrote {output}, {size / 1e6:.1f} MB", file=sys.stderr)


def check(output: Path) -> None:
    """Refuse a path that no page can be written to, before any work is done.

    Raises:
        ValueError: with the reason.
    """
    if output.is_dir():
        raise ValueError(f"-o: {output} is a folder")
    if not output.parent.is_dir():
        raise ValueError(f"-o: there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise ValueError(f"-o: {output} cannot be written")
