"""The plan of the experiment, and its hash, which ties results to the plan."""

from __future__ import annotations

import hashlib
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("protocol.toml")


def load(path: Path = PATH) -> dict[str, Any]:
    """Return the protocol."""
    return tomllib.loads(path.read_text())


def digest(path: Path = PATH) -> str:
    """Return the sha256 of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def settings(grid: dict[str, list[float]]) -> list[dict[str, float]]:
    """Return every combination of a grid's values, the last name varying fastest."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
