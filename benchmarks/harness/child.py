"""Run a script of this folder in a fresh process that prints what it finds, one JSON a line."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .worker import ROOT


def findings(
    script: Path,
    args: Sequence,
    budget_s: float,
    variables: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Iterator[dict]:
    """Yield the objects that a process prints, when it prints them; other lines are dropped.

    A process that fails, or that runs longer than the budget and is killed, ends with an object
    that has only the key `error`.
    """
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), **(variables or {})}
    end = time.monotonic() + budget_s
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [python, str(script), *map(str, args)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        late = False
        try:
            for line in _lines(process.stdout, end):
                late = line is None
                if line and line.startswith(b"{"):
                    yield json.loads(line)
        except GeneratorExit:  # the caller wants no more
            process.kill()
            raise
        finally:
            if late:
                process.kill()
            process.stdout.close()
            status = process.wait()
        if late:
            yield {"error": f"stopped after its {budget_s:g} s"}
        elif status:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()
            yield {"error": last[-1] if last else f"the process ended with status {status}"}


def _lines(stream, end: float) -> Iterator[bytes | None]:
    """Yield whole lines until the stream ends, or None at the time `end`."""
    pending = b""
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            yield None
            return
        part = os.read(stream.fileno(), 1 << 16)
        if not part:
            return
        pending += part
        *whole, pending = pending.split(b"\n")
        yield from whole
