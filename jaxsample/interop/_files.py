"""Files of users: reading text, checking JSON and TOML against a shape, and writing at once."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANY = "*"
KINDS = {
    str: "a text",
    dict: "an object",
    list: "a list",
    int: "a whole number",
    bool: "true or false",
    object: "anything",
}


def read_json(
    path: Path, shape: Any, what: str, constant: Callable[[str], Any] | None = None
) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        shape: see `check`.
        what: what the file is, for the message if its content has another shape.
        constant: makes the value of "NaN", "Infinity" and "-Infinity"; floats by default.

    Raises:
        ValueError: if the file is missing, unreadable, not JSON or of another shape. The message
            names the file.
    """
    return _read(path, lambda text: json.loads(text, parse_constant=constant), "JSON", shape, what)


def read_toml(path: Path, shape: Any, what: str) -> Any:
    """Read a TOML file; the arguments and errors are those of `read_json`."""
    return _read(path, tomllib.loads, "TOML", shape, what)


def check(value: Any, shape: Any, where: str = "") -> None:
    """Check parsed data against a shape.

    Args:
        value: any parsed JSON or TOML.
        shape: a type; a list of one shape for a list whose members all have that shape; or a dict
            from names to shapes. A name that ends in "?" may be missing. The name "*" stands for
            all names that the dict does not list.
        where: the place of the value in its file.

    Raises:
        ValueError: if the value has another shape. The message names the place.

    >>> check({"name": "a", "grid": {"t": [1, 2]}}, {"name": str, "grid?": {"*": list}})
    >>> check({"name": 5}, {"name": str})
    Traceback (most recent call last):
    ValueError: name must be a text, got 5
    """
    kind = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind) or kind is int and isinstance(value, bool):
        raise ValueError(f"{where or 'the file'} must be {KINDS[kind]}, got {_shown(value)}")
    if isinstance(shape, list):
        for i, item in enumerate(value):
            check(item, shape[0], f"{where}[{i}]")
    if isinstance(shape, dict):
        inner = {name.removesuffix("?"): part for name, part in shape.items() if name != ANY}
        for name, part in inner.items():
            if name in value:
                check(value[name], part, f"{where}.{name}" if where else name)
            elif f"{name}?" not in shape:
                raise ValueError(f"{where}.{name} is missing" if where else f"{name} is missing")
        for name in set(value) - set(inner) if ANY in shape else ():
            check(value[name], shape[ANY], f"{where}.{name}" if where else name)


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text.

    Raises:
        ValueError: if the file is missing, unreadable or not UTF-8. The message names the file.
    """
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        at = error.start + 1
        raise ValueError(f"{path} is not UTF-8 at byte {at}; save it as UTF-8") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old content or the new one, never a part."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    os.replace(new, path)


def _read(path: Path, parse: Callable[[str], Any], format: str, shape: Any, what: str) -> Any:
    text = read_text(path)
    try:
        data = parse(text)
    except RecursionError:
        raise ValueError(f"{path} is not {format}: it is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{path} is not {format}: {error}") from None
    try:
        check(data, shape)
    except ValueError as error:
        raise ValueError(f"{path} is not {what}: {error}") from None
    return data


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
