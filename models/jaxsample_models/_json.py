"""The reader of a checkpoint's JSON files."""

from __future__ import annotations

import json
import pathlib
import reprlib
from typing import Any

from ._errors import CheckpointError
from ._pointers import refuse_pointer
from ._schema import Schema


def read_json(file: pathlib.Path, schema: Schema) -> dict[str, Any] | None:
    """Read a JSON object and check the fields that `schema` names; others pass unchecked.

    A null field of the schema counts as absent, unless its kind is nullable.

    Returns:
        The fields, or None where there is no such file.

    Raises:
        CheckpointError: the file cannot be read, is not a JSON object, or has a wrong field.
    """
    if not file.is_file():
        return None
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise CheckpointError(f"{file}: nested too deeply; download it again") from error
    except ValueError as error:
        refuse_pointer(file)
        raise CheckpointError(f"{file}: not JSON ({error}); download it again") from error
    if not isinstance(value, dict):
        raise CheckpointError(
            f"{file}: should hold an object, found {short(value)}; download it again"
        )
    return checked(file, value, schema)


def checked(file: pathlib.Path, fields: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return the fields without those that count as absent.

    Raises:
        CheckpointError: a field is of another kind; the message names the file.
    """
    try:
        return _check(fields, schema)
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from error


def _check(fields: dict[str, Any], schema: Schema, prefix: str = "") -> dict[str, Any]:
    """Drop the fields that count as absent; raise ValueError for one of another kind."""
    checked = {}
    for key, value in fields.items():
        kind = schema.get(key)
        if kind is None or value is None and kind.nullable:
            checked[key] = value
        elif value is not None:
            if not kind.accepts(value):
                raise ValueError(f"`{prefix}{key}` is {short(value)}; it must be {kind.expected}")
            checked[key] = _check(value, kind.fields, f"{key}.") if kind.fields else value
    return checked


def short(value: Any) -> str:
    """Write a value for an error message: on one line, and shortened if it is long."""
    return " ".join(_SHORT.repr(value).split())


_SHORT = reprlib.Repr()
_SHORT.maxstring = 80
