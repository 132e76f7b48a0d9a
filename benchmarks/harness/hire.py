"""Start peers as workers, each under its own Python interpreter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from .worker import Worker, WorkerError

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

# The names that JAXSAMPLE_PEERS may have: the environments of all benchmarks together.
ENVIRONMENTS = ("transformers", "keras-hub", "gemma", "tunix", "llama", "flax")


def interpreters(given: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Return the interpreter of each peer from NAME=PYTHON pairs.

    The pairs of the variable JAXSAMPLE_PEERS, separated by commas, come first, then `given`. The
    variable may name peers of other benchmarks. An unknown name ends the program.
    """
    found = {"transformers": sys.executable}
    shared = os.environ.get("JAXSAMPLE_PEERS", "").split(",")
    for pairs, names in ((filter(None, shared), ENVIRONMENTS), (given, known)):
        for pair in pairs:
            name, _, python = pair.partition("=")
            if name not in names:
                raise SystemExit(f"--peer {pair}: {name!r} is not one of {', '.join(names)}")
            if python and name in known:
                found[name] = python
    return found


def hire(python: str, script: Path, args=(), packages=()) -> tuple[Worker, dict[str, str]]:
    """Start a worker; return it and the versions of its packages.

    Raises:
        WorkerError: if it does not start; the message is the last line that it wrote.
    """
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        try:
            worker = Worker(python, script, args, log=log.name)
            return worker, worker.versions(packages)
        except (OSError, WorkerError) as error:
            said = Path(log.name).read_text().strip().splitlines()
            raise WorkerError(said[-1] if said else str(error)) from error
