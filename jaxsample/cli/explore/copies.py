"""The chain of the page as Python, as TOML and as a command."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import Any

from jaxsample.cli.chains import read_chain, small
from jaxsample.cli.explore.asked import Asked
from jaxsample.interop import to_dict


def copies(asked: Asked, model: str, dtype: str) -> dict[str, str]:
    """Return texts that restore the chain elsewhere, by name.

    Args:
        asked: the chain, the prompt and the seed.
        model: the value of --model, or an empty text for the embedded model.
        dtype: the value of --dtype.
    """
    members = list(asked.sampler)
    return {
        "Python": as_python(asked.sampler),
        "TOML": "".join(
            ["chain = [\n", *(f"  {as_toml(to_dict(member))},\n" for member in members), "]\n"]
        ),
        "command": as_command(asked, members, model, dtype),
    }


def as_python(sampler: Any) -> str:
    """Return Python code that makes a chain."""
    names = sorted({type(member).__name__ for member in sampler})
    return f"from jaxsample import {', '.join([*names, 'chain'])}\n\nsampler = {sampler}\n"


def as_toml(value: Any) -> str:
    """Return a value of `to_dict` in TOML; what is None is left out."""
    if isinstance(value, dict):
        pairs = (f"{k} = {as_toml(v)}" for k, v in value.items() if v is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def as_command(asked: Asked, members: list[Any], model: str, dtype: str) -> str:
    """Return a command that draws the text of the page, if no token of it was chosen."""
    words = ["jaxsample", "generate"]
    if asked.chat:
        words.append("--chat")
    if model:
        words += ["--model", model]
    if dtype != "float32":
        words += ["--dtype", dtype]
    chain = as_chain(members)
    if members:
        words += ["--chain", "chain.toml" if chain is None else chain]
    words += ["--seed", str(asked.seed), "--max-new-tokens", str(asked.room)]
    if asked.prompt:
        words += ["--", asked.prompt] if asked.prompt.startswith("-") else [asked.prompt]
    return shlex.join(words)


def as_chain(members: list[Any]) -> str | None:
    """Return what --chain takes for a chain, or None if only a file can hold it."""
    parts = []
    for member in members:
        data = to_dict(member)
        name = data.pop("transform")
        defaults = {f.name: f.default for f in dataclasses.fields(member)}
        values = list(data.items())
        while values and _unwritten(values[-1][1], defaults[values[-1][0]]):
            values.pop()
        parts.append(small(name) + ("=" if values else "") + ":".join(str(v) for _, v in values))
    written = ",".join(parts)
    try:
        same = [to_dict(a) for a in read_chain(written)] == [to_dict(a) for a in members]
    except ValueError:
        return None
    return written if same else None


def _unwritten(value, default):
    return value == default or not isinstance(value, int | float | str)
