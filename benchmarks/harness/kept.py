"""Parts of a long run, kept in files, so that a run that was cut off resumes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .report import save


def writable(x: Any) -> Any:
    """Return x for JSON: infinities become "inf" or "-inf", NaN becomes null."""
    if isinstance(x, dict):
        return {str(key): writable(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [writable(value) for value in x]
    if isinstance(x, float) and not math.isfinite(x):
        return None if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x


def kept(path: Path, mark: dict[str, Any], make) -> dict[str, Any]:
    """Return the content that an earlier run with the same mark saved in a file, or make it."""
    if path.exists():
        found = json.loads(path.read_text())
        if found["mark"] == mark:
            return found["found"]
    found = writable(make())
    # Renaming is atomic, so a run that is killed leaves no half-written file.
    new = path.with_suffix(".new")
    save(path.parent, {"mark": mark, "found": found}, new.name)
    new.replace(path)
    return found
