"""Samplers with names: one by one, as a grid, and read from a file."""

from __future__ import annotations

import itertools
import runpy
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxsample.decode._combiners import Combiner
from jaxsample.interop._files import read_toml
from jaxsample.interop._serial import from_dict
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.contract._transform import Transform

TABLE = {"name": str, "chain?": [dict], "grid?": {"*": list}, "combiner?": dict, "policy?": str}
SHAPE = {"settings?": [TABLE]}


class Setting(NamedTuple):
    """A sampler with the name that it has in tables and plots.

    Attributes:
        name: any text; the names of one sweep differ.
        sampler: any transform.
        combiner: turns the logits of two streams, with and without the source, into one row; None
            for one stream. See `jaxsample.guided`.

    >>> Setting("cold", Temperature(0.3)).name
    'cold'
    """

    name: str
    sampler: Transform
    combiner: Combiner | None = None


def grid(name: str, make: Callable[..., Transform], **values: Iterable[Any]) -> list[Setting]:
    """Make a setting for every combination of values, the last name changing fastest.

    Args:
        name: a format string over the values' names.
        make: takes one value per name and returns a transform.
        values: the values of each name.

    Raises:
        ValueError: if `name` has a field that is not among the values.

    >>> [s.name for s in grid("T {t}", lambda t: Temperature(t), t=[0.5, 1.0])]
    ['T 0.5', 'T 1.0']
    """
    made = []
    for combination in itertools.product(*(list(v) for v in values.values())):
        chosen = dict(zip(values, combination, strict=True))
        made.append(Setting(_named(name, chosen), make(**chosen)))
    return made


def checked(settings: Iterable[Setting]) -> list[Setting]:
    """Return settings as a list.

    Raises:
        ValueError: if there are none, two have one name, or one is not a transform with a name.
    """
    settings = list(settings)
    if not settings:
        raise ValueError("there are no settings to run")
    for one in settings:
        if not isinstance(one, Setting) or not isinstance(one.name, str):
            raise ValueError(f"a setting is Setting(name, sampler), got {one!r}")
        if not isinstance(one.sampler, Transform):
            raise ValueError(f"setting {one.name!r} needs a transform, got {one.sampler!r}")
        if not isinstance(one.combiner, Combiner | None):
            raise ValueError(f"setting {one.name!r} needs a combiner or None, got {one.combiner!r}")
    twice = [name for name, n in Counter(s.name for s in settings).items() if n > 1]
    if twice:
        raise ValueError(f"two settings are named {twice[0]!r}; give each setting its own name")
    return settings


def read_settings(path: str | Path) -> list[Setting]:
    """Read settings from a TOML or a Python file.

    A TOML file has one table for each setting or grid of settings. A chain is written as by
    `jaxsample.interop.to_dict`; a field that has a default may be left out. "{name}" stands for a
    value of the grid. `policy` is a folder from `jaxsample.learn.save`, relative to the file:

        [[settings]]
        name = "T {t}, p {p}"
        grid = { t = [0.5, 1.0], p = [0.9, 1.0] }
        chain = [{ transform = "Temperature", value = "{t}" }, { transform = "TopP", p = "{p}" }]

    A Python file defines `settings`, a list of `Setting` or a dict from names to samplers. The file
    is executed with your rights, so only read a Python file that you trust. A TOML file executes
    nothing.

    Args:
        path: a .toml or a .py file.

    Raises:
        ValueError: if the file cannot be read, or a setting in it is invalid. The message
            names the file and the setting.

    >>> path = getfixture("tmp_path") / "settings.toml"
    >>> _ = path.write_text('''
    ... [[settings]]
    ... name = "p {p}"
    ... grid = { p = [0.5, 0.9] }
    ... chain = [{ transform = "TopP", p = "{p}" }]
    ... ''')
    >>> read_settings(path)[1]
    Setting(name='p 0.9', sampler=chain(TopP(p=0.9)), combiner=None)
    """
    path = Path(path)
    if path.suffix not in (".py", ".toml"):
        raise ValueError(f"settings are read from .toml and .py files, got {path}")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    made = _of_python(path) if path.suffix == ".py" else _of_toml(path)
    try:
        return checked(made)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _of_python(path: Path) -> list[Setting]:
    try:
        found = runpy.run_path(str(path)).get("settings")
    except (Exception, SystemExit) as error:  # the code in the file may raise anything
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
                 if frame.filename == str(path)]  # fmt: skip
        at = f", line {lines[-1]}" if lines else ""
        raise ValueError(f"{path}{at}: {type(error).__name__}: {error}") from error
    if isinstance(found, Mapping):
        return [Setting(name, sampler) for name, sampler in found.items()]
    if not isinstance(found, list | tuple):
        raise ValueError(f"{path} must define `settings`, a list of Setting or a dict of samplers")
    return list(found)


def _of_toml(path: Path) -> list[Setting]:
    data = read_toml(path, SHAPE, "a file of settings")
    if unknown := set(data) - {"settings"}:
        raise ValueError(f"{path}: no table {sorted(unknown)[0]!r}; write [[settings]]")
    made = []
    for table in data.get("settings", []):
        try:
            made += _settings(table, path.parent)
        except ValueError as error:
            raise ValueError(f"{path}, settings {table['name']!r}: {error}") from None
    return made


def _settings(table: Mapping[str, Any], beside: Path) -> list[Setting]:
    known = sorted(name.removesuffix("?") for name in TABLE)
    if unknown := set(table) - set(known):
        raise ValueError(f"no field {sorted(unknown)[0]!r}; there are {', '.join(known)}")
    if not {"chain", "policy"} & set(table):
        raise ValueError("a setting has a name, and a chain or a policy")
    values = table.get("grid", {})
    if empty := [name for name, some in values.items() if not some]:
        raise ValueError(f"grid.{empty[0]} has no values")
    made = []
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        members = [from_dict(_filled(t, chosen)) for t in table.get("chain", [])]
        for member in members:
            if not isinstance(member, Transform):
                raise ValueError(f"{member!r} is not a transform; write it as `combiner`")
        if "policy" in table:
            from jaxsample.learn import load

            members.insert(0, load(beside / table["policy"]))
        combiner = table.get("combiner")
        combiner = None if combiner is None else from_dict(_filled(combiner, chosen))
        made.append(Setting(_named(table["name"], chosen), chain(*members), combiner))
    return made


def _named(name: str, chosen: Mapping[str, Any]) -> str:
    try:
        return name.format(**chosen)
    except (LookupError, ValueError, AttributeError, TypeError):
        fields = ", ".join(f"{{{field}}}" for field in chosen) or "no fields"
        raise ValueError(
            f"the name {name!r} cannot be filled in; the grid has {fields}; write "
            "a literal brace twice"
        ) from None


def _filled(value: Any, chosen: Mapping[str, Any]) -> Any:
    """Replace the names of the grid by its values."""
    if isinstance(value, Mapping):
        return {key: _filled(inner, chosen) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, chosen) for inner in value]
    if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
        if value[1:-1] not in chosen:
            raise ValueError(f"{value} is not a name of the grid")
        return chosen[value[1:-1]]
    return value
