"""The keywords of JSON schemas: the types that they apply to, and those that are not supported."""

from __future__ import annotations

from collections.abc import Mapping

# Keywords that begin with $ and have no meaning in a specification are made by rewriting.
OF_ANY = ("enum", "const", "$excluded")
OF_KIND = {
    "null": (),
    "boolean": (),
    "number": (
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "$broken",
    ),
    "string": ("minLength", "maxLength", "pattern", "format", "$unlike"),
    "array": (
        "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems",
        "contains", "minContains", "maxContains", "unevaluatedItems",
    ),
    "object": (
        "properties", "patternProperties", "additionalProperties", "required", "minProperties",
        "maxProperties", "propertyNames", "unevaluatedProperties",
    ),
}  # fmt: skip
COMBINING = (
    "type", "$ref", "$dynamicRef", "$recursiveRef", "$at", "allOf", "anyOf", "oneOf", "not", "$not",
    "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies",
)  # fmt: skip
NOTES = (
    "$schema", "$id", "$anchor", "$comment", "$defs", "$vocabulary", "definitions", "title",
    "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "contentEncoding",
    "contentMediaType", "contentSchema", "$dynamicAnchor", "$recursiveAnchor",
)  # fmt: skip
REFUSED = ("extends", "disallow", "divisibleBy")  # constraints of draft 3
_KNOWN = {*OF_ANY, *COMBINING, *NOTES}.union(*OF_KIND.values())


def known(keyword: str) -> bool:
    """Return whether a specification gives the keyword a meaning."""
    return keyword in _KNOWN


def prefix_of(schema: Mapping) -> tuple[str | None, str | None]:
    """Return the keywords of the first items and of the rest; before 2020 they had other names."""
    if isinstance(schema.get("items"), list):
        return "items", "additionalItems" if "additionalItems" in schema else None
    first = "prefixItems" if "prefixItems" in schema else None
    return first, "items" if "items" in schema else None
