"""A sufficient test that two JSON schemas share no value, for `oneOf`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def apart(one: Any, two: Any, resolve: Callable[[str], Any], open_: tuple = ()) -> bool:
    """Return whether types, constants or required properties show that no value matches both.

    Args:
        one, two: schemas.
        resolve: returns the schema of the name in a `$ref`.
    """
    if (id(one), id(two)) in open_:
        return False  # the recursion has come back to the same pair without a difference
    open_ = *open_, (id(one), id(two))
    return all(
        _parted(a, b, resolve, open_) for a in _cases(one, resolve) for b in _cases(two, resolve)
    )


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


def _cases(schema, resolve, seen=()):
    """Return the alternatives of a schema: `("value", v)` or `(type, schema)`."""
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return []
        return _cases(resolve(schema["$ref"]), resolve, (*seen, schema["$ref"]))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return [case for s in schema[keyword] for case in _cases(s, resolve, seen)]
    if "enum" in schema or "const" in schema:
        return [("value", v) for v in schema.get("enum", [schema.get("const")])]
    types = schema["type"]
    types = {types} if isinstance(types, str) else set(types)
    return [("number" if t == "integer" else t, schema) for t in types]


def _parted(a, b, resolve, open_):
    if a[0] == "value" and b[0] == "value":
        return not same(a[1], b[1])
    kinds = [kind_of(x) if how == "value" else how for how, x in (a, b)]
    if kinds[0] != kinds[1]:
        return True
    if kinds[0] != "object" or "value" in (a[0], b[0]):
        return False
    needed = [set(s.get("required", ())) for _, s in (a, b)]
    return any(
        apart(a[1]["properties"][name], b[1]["properties"][name], resolve, open_)
        for name in needed[0] & needed[1]
    )
