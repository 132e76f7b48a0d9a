"""Write the report of a study."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxsample.cli.paths import check_file, naming


def report(results: Sequence[Path], output: Path) -> None:
    """Write one page with the results of studies, and print its path on stderr.

    Raises:
        ValueError: if a folder holds no results, or the page cannot be written.
        ImportError: if the libraries of the extra "study" are not installed.
    """
    check_file("-o", output)
    from jaxsample.study import write_report

    with naming(output):
        size = write_report(results, output)
    print(f"wrote {output}, {size / 1e6:.1f} MB", file=sys.stderr)
