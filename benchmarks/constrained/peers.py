"""Public schemas through this library and other engines: what is right, and the time it takes."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.hire import hire
from harness.report import figures, table
from harness.worker import Worker, WorkerError

from .suites import Case

OURS = "jaxsample"
# The packages of each engine whose versions are reported.
PEERS = {"llguidance": "llguidance", "xgrammar": "xgrammar", "outlines": "outlines-core"}
SCRIPT = Path(__file__).with_name("engines.py")
WALL = 20  # a call may take this many times its limit in wall time, on a busy machine


class Files(NamedTuple):
    """The files of a vocabulary for the engines: a list of its words, and a tokenizer or None."""

    words: Path
    eos: int
    tokenizer: Path | None

    @classmethod
    def write(cls, folder: Path, words: list[bytes | None], eos: int, tokenizer=None):
        folder.mkdir()
        text = json.dumps([None if word is None else word.decode("latin-1") for word in words])
        (folder / "words.json").write_text(text)
        if tokenizer is not None:
            (folder / "tokenizer.json").write_text(tokenizer.to_str())
        return cls(folder / "words.json", eos, tokenizer and folder / "tokenizer.json")


class Engine:
    """An engine in a process of its own, which is started anew where it dies."""

    def __init__(self, name: str, python: str, limit: float):
        self.name, self.python, self.limit = name, python, limit
        self.worker: Worker | None = None
        self.versions = self._hired()[1]

    def _hired(self):
        packages = [PEERS[self.name]] if self.name in PEERS else []
        worker, versions = hire(self.python, SCRIPT, packages=packages)
        self.worker = worker
        return worker, versions

    def compile(self, schema: Any, vocabulary: Files) -> tuple[dict, Any]:
        """Compile a schema; return the findings, and a call that asks about it.

        The findings have `seconds`, or `error`, which is "late" where the process was ended.
        """
        worker = self.worker or self._hired()[0]
        spec = {"engine": self.name, "schema": schema, "limit": self.limit}
        spec |= {"words": str(vocabulary.words), "eos": vocabulary.eos}
        spec |= {"tokenizer": vocabulary.tokenizer and str(vocabulary.tokenizer)}

        def call(asked):
            request = {"do": "call", "number": number, "i": asked}
            return worker.ask(request, self.limit * WALL)["value"]

        try:
            worker.forget()
            number = worker.ask({"do": "prepare", "spec": spec}, self.limit * WALL)["number"]
            return call(None), call
        except WorkerError:
            self.close()
            return {"error": "late"}, None

    def close(self):
        if self.worker:
            self.worker.close()
        self.worker = None


def engines(pythons: dict[str, str], limit: float) -> tuple[dict[str, Engine], dict[str, str]]:
    """Start this library and the installed engines; return them, and the reasons for the others."""
    found, absent = {OURS: Engine(OURS, sys.executable, limit)}, {}
    for name in PEERS:
        try:
            found[name] = Engine(name, pythons.get(name, sys.executable), limit)
            if not found[name].versions:
                found.pop(name).close()
                absent[name] = "not installed"
        except WorkerError as error:
            absent[name] = str(error)
    return found, absent


def judged(engine: Engine, case: Case, vocabulary: Files) -> dict:
    """Compile a schema over single bytes, and try its instances."""
    found, call = engine.compile(case.schema, vocabulary)
    if "error" in found:
        return found

    try:
        return found | call({"instances": case.instances})
    except WorkerError:
        engine.close()
        return {"error": "late"}


def walked(engine: Engine, schema: Any, vocabulary: Files, tokens: list[int]) -> dict:
    """Compile a schema, and time the masks along a text that it allows."""
    found, call = engine.compile(schema, vocabulary)
    if "error" in found or engine.name == OURS:
        return found
    try:
        steps = call(tokens)
    except WorkerError:
        engine.close()
        return {"error": "late"}
    return found | {"steps": steps, "whole": len(steps) == len(tokens)}


def texts(cases: list[Case]) -> Iterator[tuple[Case, str]]:
    """Yield the cases that have a valid instance, with its text."""
    for case in cases:
        valid = [value for value, valid in case.instances if valid]
        if valid:
            text = max(
                (json.dumps(v, ensure_ascii=False, separators=(",", ":")) for v in valid), key=len
            )
            yield case, text


def share(values: list[float], part: float) -> float:
    """Return the value below which a part of them lies."""
    return sorted(values)[int(part * (len(values) - 1))] if values else float("nan")


def counted(found: list[dict]) -> dict:
    """Return the numbers of a line of the first table."""
    made = [result for result in found if "seconds" in result]
    seconds = [result["seconds"] for result in made]
    wrong, narrow = (sum(result.get(key, False) for result in made) for key in ("wrong", "narrow"))
    return {
        "schemas": len(found),
        "compiled": len(made),
        "right": len(made) - wrong - narrow,
        "wrong": wrong,
        "narrow": narrow,
        "late": sum(result.get("error") == "late" for result in found),
        "p50_s": share(seconds, 0.5),
        "p95_s": share(seconds, 0.95),
    }


def masked(found: list[dict]) -> dict:
    """Return the numbers of a line of the second table; the masks are those of whole texts."""
    made = [result for result in found if "seconds" in result]
    steps = [step for result in made if result.get("whole") for step in result["steps"]]
    both = [mask + take for mask, take in steps]
    return {
        "schemas": len(found),
        "compiled": len(made),
        "late": sum(result.get("error") == "late" for result in found),
        "p50_s": share([result["seconds"] for result in made], 0.5),
        "p95_s": share([result["seconds"] for result in made], 0.95),
        "texts": sum(result.get("whole", False) for result in made),
        "masks": len(both),
        "mask_p50_s": share(both, 0.5),
        "mask_mean_s": statistics.mean(both) if both else float("nan"),
        "mask_p99_s": share(both, 0.99),
    }


def tables(found: dict) -> str:
    """Return the tables of what is right and of the masks."""
    columns = ["schemas", "compiled", "right", "wrong", "narrow", "late", "p50_s", "p95_s"]
    headers = ["bytes", *columns[:6], "p50 s", "p95 s"]
    rows = [
        [name, *map(_shown, (line[c] for c in columns))] for name, line in found["right"].items()
    ]
    parts = [table(headers, rows)] if rows else []
    columns = ["schemas", "compiled", "late", "p50_s", "p95_s", "texts", "masks"]
    times = ["mask_p50_s", "mask_mean_s", "mask_p99_s"]
    headers = [f"V = {found['tokens']}", *columns[:3], "p50 s", "p95 s", *columns[5:]]
    headers += ["mask p50 us", "mean us", "p99 us"]
    rows = [
        [name, *map(_shown, (line[c] for c in columns)), *(_shown(line[c] * 1e6) for c in times)]
        for name, line in found["masks"].items()
    ]
    return "\n\n".join([*parts, table(headers, rows)])


def _shown(value):
    return "-" if value != value else value if isinstance(value, int) else figures(value)
