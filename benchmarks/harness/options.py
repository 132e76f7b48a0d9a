"""The command line options that the benchmarks share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any


def parser(doc: str, picture: str, quick: str) -> argparse.ArgumentParser:
    """Return a parser of --quick, --out and --peer; it is described by the first line of `doc`."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--quick", action="store_true", help=quick)
    made.add_argument("--out", type=Path, help=f"where results.json and {picture} go")
    made.add_argument(
        "--peer", action="append", default=[], metavar="NAME=PYTHON", help="a peer's interpreter"
    )
    return made


def chosen(
    made: argparse.ArgumentParser, text: str, names: Collection[str], separator: str = ","
) -> tuple[str, ...]:
    """Return the names that an option lists; an unknown name ends the program."""
    parts = tuple(part.strip() for part in text.split(separator))
    for part in parts:
        if part not in names:
            made.error(f"{part!r} is not one of {', '.join(names)}")
    return parts


def finished(made: argparse.ArgumentParser) -> tuple[Path, dict[str, Any]]:
    """Read the option --run; return the folder of a finished run and its results."""
    made.add_argument("--run", type=Path, required=True, help="the folder of a finished run")
    folder = made.parse_args().run
    if not (folder / "results.json").is_file():
        made.error(f"there is no finished run in {folder}; run prove.py first")
    return folder, json.loads((folder / "results.json").read_text())


def versions_line(name: str, versions: dict[str, str]) -> str:
    """Return a line with the versions of a peer's packages."""
    return f"{name}: " + ", ".join(" ".join(pair) for pair in versions.items())
