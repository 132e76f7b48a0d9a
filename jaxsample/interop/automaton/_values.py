"""JSON values: their types, and when two of them are equal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

KINDS = ("null", "boolean", "number", "string", "array", "object")


def kind_of(value: Any) -> str:
    """Return the JSON type of a value; integers are numbers."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    kinds = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "unknown")


def same(a: Any, b: Any) -> bool:
    """Return whether two JSON values are equal; 1 equals 1.0 but not true."""
    if kind_of(a) != kind_of(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def exact(number: float) -> Decimal:
    """Return the decimal number that JSON text of this number stands for."""
    return Decimal(repr(number))
