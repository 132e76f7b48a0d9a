"""The packages of the extra `study`, imported when they are first needed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

EXTRA = "altair", "jinja2", "rapidfuzz", "rouge_score", "sacrebleu", "scipy", "vl_convert"


def check_extra() -> None:
    """Make sure that the packages of the extra are installed.

    Raises:
        ImportError: if one is not. The message says which, and how to install them.
    """
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"a study needs {', '.join(missing)}: pip install 'jaxsample[study]'")


def need(module: str) -> Any:
    """Import a module of the extra.

    Raises:
        ImportError: if it is not installed. The message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"this metric needs {package}: pip install 'jaxsample[study]'") from error
