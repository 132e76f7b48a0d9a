"""Values of transforms as the plain numbers and lists that settings hold."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
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


@contextlib.contextmanager
def named(*names: str, value: Any = None) -> Iterator[None]:
    """Let every error in the block name the first setting, unless it begins with one of them.

    Args:
        names: the settings that the block reads.
        value: the value of the first one, for errors that do not show it.
    """
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(names) else f"{names[0]}: {text}") from error
    except (TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ValueError(f"{names[0]} has another form, got {value!r} ({error})") from error


def token_id(value: Any) -> int:
    """Return a token id, which may be written as digits; ValueError for anything else."""
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not (whole or is_whole(value)):
        raise ValueError(f"it must be a token id, got {value!r}")
    if int(value) < 0:
        raise ValueError(f"token {int(value)} is outside of the vocabulary; ids begin at 0")
    return int(value)


def is_whole(value: Any) -> bool:
    """Return whether a value is the text of a whole number, in the digits 0 to 9."""
    return isinstance(value, str) and re.fullmatch("-?[0-9]+", value) is not None


def pairs_of(value: Any) -> list[tuple[Any, Any]]:
    """Return pairs, or the members of an object; ValueError for anything else."""
    pairs = list(value.items()) if isinstance(value, Mapping) else listed(value)
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"it must be a list of pairs, got {value!r}")
    return [(first, second) for first, second in pairs]


def within(low: float, high: float) -> Callable[[Any], int | float]:
    """Return the function that returns a number from `low` to `high`, and refuses any other."""

    def check(value: Any) -> int | float:
        if not low <= number(value) <= high:
            raise ValueError(f"it must be from {low} to {high}, got {value!r}")
        return value

    return check


def above(low: float, remedy: str = "") -> Callable[[Any], int | float]:
    """Return the function that returns a number above `low`, and refuses any other."""

    def check(value: Any) -> int | float:
        if number(value) <= low:
            advice = f"; {remedy}" if remedy else ""
            raise ValueError(f"it must be above {low}, got {value!r}{advice}")
        return value

    return check


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
