"""Peers in separate processes, for those that need other versions of packages.

`Worker` is the client. The server is a script that ends in `serve(prepare)` and runs under any
Python 3.11 with numpy. The two talk over pipes, one line of JSON per message. Arrays are passed as
paths of .npy files.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .turns import timed

ROOT = Path(__file__).resolve().parent.parent
PIPE = "WORKER_ANSWERS_TO"
# Idle threads must sleep. Spinning, they would take a core from the arm that is being timed.
QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    "GOMP_SPINCOUNT": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class WorkerError(RuntimeError):
    """A worker died, did not answer in time, or answered with an error."""


class Worker:
    """A process that runs `script` under the interpreter `python`.

    The file `log` receives the stdout and stderr of the process; without it they are dropped.
    """

    def __init__(self, python, script, args=(), env=None, log=None):
        environment = {**os.environ, **QUIET, **(env or {})}
        # The folder of the script is not on the path, as its file may have the peer's name.
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
        self.log = open(log, "ab") if log else None
        # Answers have their own pipe, because libraries print to stdout, some on import.
        self.answers, theirs = os.pipe()
        try:
            self.process = subprocess.Popen(
                [str(python), str(script), *map(str, args)],
                stdin=subprocess.PIPE,
                stdout=self.log or subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                env={**environment, PIPE: str(theirs)},
                pass_fds=[theirs],
            )
        except OSError:
            os.close(self.answers)
            raise
        finally:
            os.close(theirs)
        self.pending = b""

    def ask(self, request: dict, timeout_s: float = 900) -> dict:
        """Send a request and wait for its answer."""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise WorkerError(f"the worker is gone ({self.process.wait()})") from error
        answer = json.loads(self._line(timeout_s))
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def prepare(self, **spec) -> Callable[[], float] | None:
        """Let the worker prepare `spec`; return an arm, or None if the peer cannot express it.

        `arm.call(i)` runs the prepared call once, untimed, and returns its value.
        """
        number = self.ask({"do": "prepare", "spec": spec})["number"]
        if number is None:
            return None

        def arm() -> float:
            return self.ask({"do": "run", "number": number})["seconds"]

        def call(i):
            return self.ask({"do": "call", "number": number, "i": i})["value"]

        arm.call = call
        return arm

    def versions(self, packages) -> dict[str, str]:
        """Return the versions of the `packages` that are installed in the worker's environment."""
        return self.ask({"do": "versions", "packages": list(packages)})["versions"]

    def forget(self):
        """Let the worker drop all prepared calls."""
        self.ask({"do": "forget"})

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.answers)
        if self.log:
            self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _line(self, timeout_s):
        while b"\n" not in self.pending:
            if not select.select([self.answers], [], [], timeout_s)[0]:
                self.process.kill()
                raise WorkerError(f"no answer within {timeout_s:.0f} s")
            part = os.read(self.answers, 1 << 16)
            if not part:
                raise WorkerError(f"the worker is gone ({self.process.wait()})")
            self.pending += part
        line, self.pending = self.pending.split(b"\n", 1)
        return line


def versions(packages) -> dict[str, str]:
    """Return the versions of the `packages` that are installed here."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def serve(prepare: Callable[[dict], Callable[[int], object] | None]):
    """Answer requests until stdin ends.

    `prepare(spec)` returns `call(i)`, which runs once and blocks until its result is ready, or None
    if this peer cannot express the spec. A call with an attribute `arm` measures its own time.
    """
    answers = os.fdopen(int(os.environ[PIPE]), "wb")
    prepared = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _answer(request, prepare, prepared)
        except Exception as error:  # the client decides how to handle a failure
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(request, prepare, prepared):
    do = request["do"]
    if do == "prepare":
        call = prepare(request["spec"])
        if call is None:
            return {"number": None}
        number = len(prepared)
        prepared[number] = call, getattr(call, "arm", None) or timed(call)
        return {"number": number}
    if do == "run":
        return {"seconds": prepared[request["number"]][1]()}
    if do == "call":
        value = prepared[request["number"]][0](request["i"])
        return {"value": value.tolist() if hasattr(value, "tolist") else value}
    if do == "versions":
        return {"versions": versions(request["packages"])}
    if do == "forget":
        prepared.clear()
        return {}
    raise ValueError(f"unknown request {do!r}")
