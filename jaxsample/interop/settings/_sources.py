"""Settings given as a dict or as a file, whose errors name where they come from."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxsample.interop.settings._table import Table

Source = Mapping[str, Any] | str | os.PathLike


@contextlib.contextmanager
def opened(
    source: Source,
    what: str,
    table: Table,
    file: str = "",
    parse: Callable[[str], Any] = json.loads,
) -> Iterator[dict[str, Any]]:
    """Yield the settings that are not null; every error names the file, or `what` for a dict.

    Args:
        source: the settings, or the path of a file or of its folder.
        what: what the settings are called.
        table: the table of the settings.
        file: the name of the file in a folder.
        parse: makes the settings of the file's text.

    Raises:
        ValueError: for every error in the block, and if the file is malformed.
        FileNotFoundError: if there is no file at the path.
    """
    try:
        if not isinstance(source, Mapping):
            path = Path(source)
            path = path / file if file and path.is_dir() else path
            what = str(path)
            source = parse(path.read_text(encoding="utf-8-sig"))
        if not isinstance(source, Mapping):
            raise ValueError(f"it must hold an object with fields, got {type(source).__name__}")
        yield table.given(source)
    except FileNotFoundError:
        raise
    except OSError as error:  # a folder, or a path that is too long
        raise ValueError(f"{str(source)[:200]}: it is no file: {error.strerror}") from error
    except RecursionError as error:
        raise ValueError(f"{what}: it is nested too deeply") from error
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise ValueError(f"{what}: {error}") from error


def check(table: Table, settings: Mapping[str, Any]) -> None:
    """Raise ValueError if the table does not explain a setting, or no chain can hold its value."""
    for name, value in settings.items():
        if name not in table.known():
            raise ValueError(
                f"{table.system} has no setting {name!r} (here {value!r}); correct or remove it"
            )
    table.check(settings)


def pass_unknown(table: Table, settings: Mapping[str, Any], strict: bool) -> None:
    """Warn once of all settings that the table does not explain, or refuse them if `strict`."""
    unknown = [name for name in settings if name not in table.known()]
    if unknown and strict:
        names = ", ".join(map(repr, unknown))
        raise ValueError(f"there is no field {names}; strict=False lets unknown fields pass")
    if unknown:
        names = ", ".join(map(repr, unknown))
        warnings.warn(f"unknown fields, which have no effect: {names}", stacklevel=3)
