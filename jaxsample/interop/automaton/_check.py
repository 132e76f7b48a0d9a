"""The values that keywords may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jaxsample.interop.automaton._keywords import REFUSED
from jaxsample.interop.automaton._values import KINDS

TYPES = (*KINDS, "integer")


def check(schema: Mapping[str, Any], place: str) -> None:
    """Check the values of the keywords of one schema.

    Raises:
        ValueError: if a keyword is not supported or has a wrong value, with its place.
    """
    for keyword, value in schema.items():
        if keyword in REFUSED:
            raise ValueError(f"the keyword {keyword!r} at {place} is not supported")
        if keyword in _FORMS:
            words, fits = _FORMS[keyword]
            if not fits(value):
                raise ValueError(f"{keyword!r} at {place} must be {words}, got {value!r}")


def _is_number(x):
    return isinstance(x, int | float) and not isinstance(x, bool) and abs(x) < float("inf")


def _is_size(x):
    return _is_number(x) and x >= 0 and x == int(x)


def _are_names(x):
    return isinstance(x, list) and all(isinstance(name, str) for name in x)


def _is_type(x):
    types = [x] if isinstance(x, str) else x
    return _are_names(types) and len(types) > 0 and all(t in TYPES for t in types)


def _is(kind):
    return lambda x: isinstance(x, kind)


_FORMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "type": (f"a name or a list of names of {', '.join(TYPES)}", _is_type),
    "enum": ("a list", _is(list)),
    "multipleOf": ("a number above 0", lambda x: _is_number(x) and x > 0),
    "required": ("a list of names", _are_names),
    "dependentRequired": (
        "a dict of lists of names",
        lambda x: isinstance(x, dict) and all(map(_are_names, x.values())),
    ),
    "dependencies": (
        "a dict of schemas and lists of names",
        lambda x: isinstance(x, dict)
        and all(_are_names(v) for v in x.values() if isinstance(v, list)),
    ),
    **dict.fromkeys(
        ("properties", "patternProperties", "dependentSchemas"), ("a dict of schemas", _is(dict))
    ),
    **dict.fromkeys(
        ("allOf", "anyOf", "oneOf"),
        ("a list of at least one schema", lambda x: isinstance(x, list) and len(x) > 0),
    ),
    "prefixItems": ("a list of schemas", _is(list)),
    **dict.fromkeys(("pattern", "format"), ("a text", _is(str))),
    **dict.fromkeys(("minimum", "maximum"), ("a number", _is_number)),
    **dict.fromkeys(
        ("exclusiveMinimum", "exclusiveMaximum"),
        ("a number", lambda x: isinstance(x, bool) or _is_number(x)),  # a bool in draft 4
    ),
    **dict.fromkeys(
        (
            "minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains",
            "minProperties", "maxProperties",
        ),
        ("a whole number >= 0", _is_size),
    ),
}  # fmt: skip
