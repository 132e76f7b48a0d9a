"""Flat YAML files: one scalar for each key, as text-generation-webui saves its presets."""

from __future__ import annotations

import json
import re
from typing import Any

LINE = re.compile(r"([A-Za-z_]\w*):(?:[ \t]+(.*))?")
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
# Texts that YAML reads as something else than they look like, or that readers disagree about.
TRAPS = re.compile(r"(?i)yes|no|on|off|y|n|\.inf|\.nan|[-+]?[0-9][0-9_:.eE+-]*")


def flat_yaml(text: str) -> dict[str, Any]:
    """Return the keys and scalars of a flat YAML file, typed as YAML 1.1 does.

    Nested values, lists, anchors and tags raise an error, and so do scalars that YAML reads in an
    unexpected way, such as 1e-4, which is a text.

    Raises:
        ValueError: with the number of the line.

    >>> flat_yaml("top_p: 0.9\\ndo_sample: true\\nname: 'it''s'")
    {'top_p': 0.9, 'do_sample': True, 'name': "it's"}
    """
    found: dict[str, Any] = {}
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line, start = lines[at].rstrip(), at
        at += 1
        if not line or line.lstrip().startswith("#") or line == "---":
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {start + 1} is not 'key: value': {line!r}")
        inner = []
        while at < len(lines) and (not lines[at].strip() or lines[at][0] in " \t"):
            inner.append(lines[at].strip())
            at += 1
        try:
            found[match[1]] = _scalar((match[2] or "").strip(), inner)
        except ValueError as error:
            raise ValueError(f"line {start + 1}, {match[1]}: {error}") from None
    return found


def _scalar(value: str, inner: list[str]) -> Any:
    if value in ("|", "|-"):
        return "\n".join(inner).rstrip("\n") + ("" if value == "|-" else "\n")
    if value.startswith("'"):
        return _single("\n".join([value, *inner]).rstrip())
    if any(inner):
        raise ValueError("nested values and lists are not supported")
    if value.startswith('"'):
        return json.loads(value)
    value = re.sub(r"(^|\s+)#.*", "", value)
    if value.lower() in WORDS:
        return WORDS[value.lower()]
    if INTEGER.fullmatch(value):
        return int(value)
    if FLOAT.fullmatch(value):
        return float(value)
    if TRAPS.fullmatch(value) or value[0] in "&*!%@`[]{},?>|":
        raise ValueError(f"{value!r} is not plain; write a decimal number, true, false or quotes")
    return value


def _single(quoted: str) -> str:
    """Return a text in single quotes; a line break is a space, and empty lines are line breaks."""
    match = re.fullmatch(r"'((?:[^']|'')*)'(?:\s+#.*)?", quoted)
    if match is None:
        raise ValueError("the quote does not end")
    folded = re.sub(r"\n+", lambda breaks: "\n" * (len(breaks[0]) - 1) or " ", match[1])
    return folded.replace("''", "'")
