"""The versions of the packages that made a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = "jaxsample", "jax", "jaxlib", "flax", "numpy"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what is drawn.

    >>> sorted(versions())
    ['flax', 'jax', 'jaxlib', 'jaxsample', 'numpy', 'python']
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that is not installed
            found[name] = "unknown"
    return found
