"""The time of `jaxsample generate` until its first token, with an empty and with a full cache."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time

COMMAND = ("-m", "jaxsample", "generate", "--max-new-tokens", "8", "--seed", "0")


def measure(warm: int) -> dict[str, list[dict]]:
    """Run the command once with an empty cache, then `warm` times with what it left there."""
    with tempfile.TemporaryDirectory() as folder:
        return {"empty": [_run(folder)], "full": [_run(folder) for _ in range(warm)]}


def _run(folder: str) -> dict[str, float]:
    """Return the seconds until the first byte of text, and the CPU seconds of the whole command."""
    environment = {**os.environ, "XDG_CACHE_HOME": folder}
    for name in os.environ:  # the command sets up its own cache
        if name.startswith(("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")):
            del environment[name]
    before, begun = _cpu(), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *COMMAND],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.read(1)
    first = time.perf_counter() - begun
    process.communicate()
    if process.returncode:
        raise SystemExit(f"jaxsample generate ended with status {process.returncode}")
    return {"first_s": first, "cpu_s": _cpu() - before}


def _cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
