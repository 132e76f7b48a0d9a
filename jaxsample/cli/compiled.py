"""Keep compiled programs between runs, so that only the first run waits for the compiler."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import jax

LARGEST = 512 * 2**20  # bytes; one program has 20 kB to 20 MB


def keep_compiled() -> None:
    """Point JAX's compilation cache at the user's cache folder, unless JAX has a cache already.

    `JAX_COMPILATION_CACHE_DIR` names another folder, which is not bounded.
    `JAX_ENABLE_COMPILATION_CACHE=false` turns the cache off.
    """
    # JAX defines its options at run time, where type checkers do not see them.
    if jax.config.jax_compilation_cache_dir is not None:  # type: ignore[attr-defined]
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxsample"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        prune(folder, LARGEST)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def prune(folder: Path, largest: int) -> None:
    """Delete the least recently used files until the others have at most `largest` bytes.

    JAX can bound its cache itself, but needs filelock for it and fails on entries that were written
    without a bound.
    """
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another process may delete it
            if path.is_file():
                stat = path.stat()
                found.append((max(stat.st_atime, stat.st_mtime), stat.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= largest:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
