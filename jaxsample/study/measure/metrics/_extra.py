"""The packages of the extra `study`, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str) -> Any:
    """Import a module of the extra.

    Raises:
        ImportError: if it is not installed; says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"this metric needs {package}: pip install 'jaxsample[study]'") from error
