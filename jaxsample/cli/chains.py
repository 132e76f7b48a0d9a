"""Chains of any transforms, written on the command line or in a TOML file."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsample import Transform
    from jaxsample.study import Source

IDS = "IdsLeaf", "SequencesLeaf"  # the types of fields that hold token ids


def read_chain(written: str) -> list[Transform]:
    """Return the members of a chain such as 'temperature=.8,top_p=.9,dry=.8'.

    Members run in the order in which they are written; top_k=0 is left out. A name is that of a
    transform in small letters. Several values of one transform are joined by colons:
    'entropy_temperature=1:.5'. A text that ends in .toml is a file with a list `chain`, as settings
    of sweeps have it.

    Raises:
        ValueError: if a name is unknown or a value is wrong, or the file cannot be read.
    """
    if written.endswith(".toml"):
        return _of_file(Path(written))
    parts = [part.strip() for part in written.split(",")]
    made = (_made(part) for part in parts if part)
    return [member for member in made if member is not None]


def known(sampler: Any, source: Source) -> Any:
    """Return a chain whose token ids the model has.

    Raises:
        ValueError: if a member holds an id outside of the vocabulary.
    """
    import numpy as np  # the help of the commands starts without it

    size = source.checkpoint.config.vocab_size
    for member in sampler:
        for f in dataclasses.fields(member) if dataclasses.is_dataclass(member) else ():
            if str(f.type).rpartition(".")[2] in IDS:
                ids = np.asarray(getattr(member, f.name))
                if (ids >= size).any():
                    raise ValueError(
                        f"{member}: {f.name} must be token ids in 0..{size - 1}, the vocabulary of "
                        f"{source.name}, got {ids.max()}"
                    )
    return sampler


def _of_file(path):
    from jaxsample.interop import from_dict

    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    members = data.get("chain")
    if not isinstance(members, list) or set(data) != {"chain"}:
        raise ValueError(f'{path}: write chain = [{{ transform = "TopP", p = 0.9 }}, ..]')
    try:
        return [from_dict(member) for member in members]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _made(part):
    known = _transforms()
    name, _, values = part.partition("=")
    name = name.strip().lower().replace("-", "_")
    if name not in known:
        raise ValueError(f"no transform is named {name!r}; there are {', '.join(sorted(known))}")
    cls = known[name]
    fields = [f for f in dataclasses.fields(cls) if f.init]
    missing = dataclasses.MISSING
    needed = sum(f.default is missing and f.default_factory is missing for f in fields)
    shape = f"{name}={':'.join(f.name.upper() for f in fields)}" if fields else name
    given = [_value(v) for v in values.split(":")] if values else []
    if (name, given) == ("top_k", [0]):
        return None
    if not needed <= len(given) <= len(fields):
        raise ValueError(f"{part}: {len(given)} values; it is written {shape}")
    try:
        return cls(*given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{part}: {error}; it is written {shape}") from None


def _transforms() -> dict[str, Any]:
    """Return the transforms that numbers describe, by name."""
    import jaxsample

    found = {}
    for name in jaxsample.__all__:
        thing = getattr(jaxsample, name)
        if isinstance(thing, type) and issubclass(thing, jaxsample.Transform):
            if dataclasses.is_dataclass(thing) and name not in ("Transform", "Function"):
                found[small(name)] = thing
    return found


def small(name: str) -> str:
    """Return the name of a transform as chains are written: top_k for TopK, and dry for DRY."""
    if name.isupper():
        return name.lower()
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("synth_i_d", "synth_id")


def _value(text):
    text = text.strip()
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
