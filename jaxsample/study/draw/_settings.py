"""Named samplers: one by one, as a grid, and from a file."""

from __future__ import annotations

import itertools
import runpy
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsample.decode._combiners import Combiner
from jaxsample.interop._serial import from_dict
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.contract._transform import Transform

KEYS = {"name", "chain", "grid", "combiner", "policy"}


class Setting(NamedTuple):
    """A sampler with the name it has in tables and plots.

    Attributes:
        name: of your choice; one sweep has no two alike.
        sampler: any transform.
        combiner: what makes one row of two streams, with and without the source, or None for one
            stream; see `jaxsample.guided`.

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
        values: what each name runs through.

    >>> [s.name for s in grid("T {t}", lambda t: Temperature(t), t=[0.5, 1.0])]
    ['T 0.5', 'T 1.0']
    """
    made = []
    for combination in itertools.product(*(list(v) for v in values.values())):
        chosen = dict(zip(values, combination, strict=True))
        made.append(Setting(name.format(**chosen), make(**chosen)))
    return made


def checked(settings: Sequence[Setting]) -> list[Setting]:
    """Return settings as a list.

    Raises:
        ValueError: if there are none, or two have one name.
    """
    settings = list(settings)
    if not settings:
        raise ValueError("there are no settings to run")
    twice = [name for name, n in Counter(s.name for s in settings).items() if n > 1]
    if twice:
        raise ValueError(f"two settings are named {twice[0]!r}; names tell results apart")
    return settings


def read_settings(path: str | Path) -> list[Setting]:
    """Read settings from a file.

    A Python file defines `settings`, a list of `Setting` or a dict from names to samplers. A TOML
    file has one table for each setting or grid of them; a chain is written as by
    `jaxsample.interop.to_dict`, "{name}" stands for a value of the grid, and `policy` is a
    folder from `jaxsample.learn.save`:

        [[settings]]
        name = "T {t}, p {p}"
        grid = { t = [0.5, 1.0], p = [0.9, 1.0] }
        chain = [{ transform = "Temperature", value = "{t}" }, { transform = "TopP", p = "{p}" }]

    Raises:
        ValueError: if the file is neither, or a setting in it makes no sense.

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
    if path.suffix == ".py":
        found = runpy.run_path(str(path)).get("settings")
        if isinstance(found, Mapping):
            found = [Setting(name, sampler) for name, sampler in found.items()]
        if not isinstance(found, list) or not all(isinstance(s, Setting) for s in found):
            raise ValueError(
                f"{path} must define `settings`, a list of Setting or a dict of samplers"
            )
        return checked(found)
    if path.suffix != ".toml":
        raise ValueError(f"settings are read from .toml and .py files, got {path}")
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("settings", [])
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    made = []
    for i, table in enumerate(tables):
        try:
            made += _settings(table, path.parent)
        except (ValueError, KeyError) as error:
            label = table.get("name", f"number {i + 1}")
            raise ValueError(f"{path}, settings {label!r}: {error}") from None
    return checked(made)


def _settings(table: Mapping[str, Any], beside: Path) -> list[Setting]:
    if unknown := set(table) - KEYS:
        raise ValueError(f"no field {sorted(unknown)[0]!r}; there are {', '.join(sorted(KEYS))}")
    if "name" not in table or not {"chain", "policy"} & set(table):
        raise ValueError("a setting has a name, and a chain or a policy")
    values = table.get("grid", {})
    made = []
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        members = [from_dict(_filled(t, chosen)) for t in table.get("chain", [])]
        if "policy" in table:
            from jaxsample.learn import load

            members.insert(0, load(beside / table["policy"]))
        combiner = table.get("combiner")
        combiner = None if combiner is None else from_dict(_filled(combiner, chosen))
        made.append(Setting(table["name"].format(**chosen), chain(*members), combiner))
    return made


def _filled(value: Any, chosen: Mapping[str, Any]) -> Any:
    """Put the grid's values where their names stand."""
    if isinstance(value, Mapping):
        return {key: _filled(inner, chosen) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, chosen) for inner in value]
    if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
        if value[1:-1] not in chosen:
            raise ValueError(f"{value} is no name of the grid")
        return chosen[value[1:-1]]
    return value
