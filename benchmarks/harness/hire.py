"""Peers that run as workers: where their interpreters are, and starting one."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from .worker import Worker, WorkerError

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

# What JAXSAMPLE_PEERS may name: the environments of every benchmark that reads it.
ENVIRONMENTS = ("transformers", "keras-hub", "gemma", "tunix", "llama", "flax")


def interpreters(given: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Read NAME=PYTHON pairs, those of JAXSAMPLE_PEERS (comma between) first.

    The variable may name what another benchmark runs; a name that none, or in `given` that this one
    does not, ends the program.
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
        WorkerError: with the last line it wrote, if it does not come up.
    """
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        try:
            worker = Worker(python, script, args, log=log.name)
            return worker, worker.versions(packages)
        except (OSError, WorkerError) as error:
            said = Path(log.name).read_text().strip().splitlines()
            raise WorkerError(said[-1] if said else str(error)) from error
