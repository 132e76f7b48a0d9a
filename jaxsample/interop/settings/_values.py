"""Values of transforms as the plain numbers and lists that settings hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from jaxsample.transforms.contract._fields import show


def plain(value: Any) -> Any:
    """Return a field's value as Python data, floats with the shortest decimals.

    Raises:
        ValueError: if it is traced, or holds a value for each row.
    """
    if isinstance(value, Tracer):
        raise ValueError("a traced value cannot be written; write the settings outside of jax.jit")
    if not isinstance(value, np.ndarray | np.generic | jax.Array):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "f" and array.ndim < 2:
        found = [float(show(x)) for x in array.ravel()]
        return found if array.ndim else found[0]
    if array.dtype.kind == "i" and array.ndim == 2:  # sequences, padded with -1
        return [[int(i) for i in row if i >= 0] for row in array]
    if array.dtype.kind == "i" and array.ndim < 2:
        return array.tolist()
    raise ValueError(f"an array {array.dtype}{list(array.shape)} has no setting")


def single(value: Any) -> Any:
    """Return a field's value as one number or text.

    Raises:
        ValueError: if it is traced, or holds a value for each row.
    """
    if getattr(value, "ndim", 0):
        raise ValueError(f"a setting is one number, got {list(value.shape)} of them")
    return plain(value)


def number(value: Any) -> int | float:
    """Return a number; ValueError for anything else, booleans and NaN too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"it must be a number, got {value!r}")
    return value


def within(low: float, high: float) -> Callable[[Any], int | float]:
    """Return the function that returns a number from `low` to `high`, and refuses any other."""

    def check(value: Any) -> int | float:
        if not low <= number(value) <= high:
            raise ValueError(f"it must be from {low} to {high}, got {value!r}")
        return value

    return check


def check_numbers(settings: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise ValueError if one of the named settings is there and no number."""
    for name in names:
        try:
            number(settings.get(name, 0))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def ids(value: Any) -> list[int]:
    """Return one token id or a list of them as a list."""
    return [value] if isinstance(value, int) else listed(value)


def listed(value: Any) -> list[Any]:
    """Return a list; ValueError for anything else."""
    if not isinstance(value, list | tuple | set):
        raise ValueError(f"it must be a list, got {value!r}")
    return list(value)


def one_or_all(value: Any) -> int | list[int]:
    """Return token ids as a list, or as one number if there is only one."""
    found = ids(plain(value))
    return found[0] if len(found) == 1 else found


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not null."""
    return {name: value for name, value in settings.items() if value is not None}
