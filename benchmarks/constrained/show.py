"""The tables and the picture of benchmarks/constraints.py."""

from __future__ import annotations

from harness.plot import Panel, picture
from harness.report import figures, table

from .runs import BOUND, FREE


def tables(results: dict) -> str:
    """Return tables of the automata, of the generated objects, and of the time of a token."""
    rows = [
        [
            f"{line['vocabulary']}  {line['language']}",
            line["tokens"],
            line["states"],
            line["classes"],
            f"{line['bytes']:,}".replace(",", " "),
            line["shortest"],
            figures(line["seconds"]),
        ]
        for line in results["automata"]
    ]
    headers = ["vocabulary, language", "V", "states", "classes", "bytes", "shortest", "compile s"]
    parts = [table(headers, rows)]

    rows = [
        [
            name,
            *(found[key] for key in ("objects", "complete", "parsed")),
            "not checked" if found["valid"] is None else found["valid"],
            figures(found["tokens"] / found["objects"]),
            found["longest string"],
        ]
        for name, found in results["objects"].items()
    ]
    headers = ["nested objects", "written", "complete", "parsed", "valid", "tokens", "longest name"]
    parts.append(table(headers, rows))
    parts.append(costs(results["costs"], f"ms per step, B={results['batch']}"))
    return "\n\n".join(parts)


def costs(lines: list[dict], what: str) -> str:
    """Return a table of the milliseconds of a step with and without an automaton."""
    rows = [
        [
            line["what"],
            *(figures(line["arms"][arm]["median_s"] * 1e3) for arm in (FREE, BOUND)),
            f"{line['overhead']['value']:+.1%}",
            f"{line['overhead']['low']:+.1%} .. {line['overhead']['high']:+.1%}",
            line["arms"][FREE]["runs"],
        ]
        for line in lines
    ]
    return table([what, FREE, BOUND, "overhead", "interval", "runs"], rows)


def draw(results: dict, path):
    """Draw the seconds of the compilation and the bytes of the arrays against V."""
    panels = []
    for key, label in (("seconds", "seconds to compile"), ("bytes", "bytes")):
        lines = {}
        for line in results["automata"]:
            lines.setdefault(line["language"], {})[line["tokens"]] = line[key]
        points = {name: sorted(found.items()) for name, found in lines.items()}
        panels.append(Panel(label, "V", label, points))
    return picture(path, panels, "automata over tokens", columns=2)
