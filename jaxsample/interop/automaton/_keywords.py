"""The keywords of JSON schemas: the types that they apply to, and those that are not supported."""

from __future__ import annotations

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
    "type", "$ref", "$at", "allOf", "anyOf", "oneOf", "not", "$not", "if", "then", "else",
    "dependentRequired", "dependentSchemas", "dependencies",
)  # fmt: skip
NOTES = (
    "$schema", "$id", "$anchor", "$comment", "$defs", "$vocabulary", "definitions", "title",
    "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "contentEncoding",
    "contentMediaType", "contentSchema", "$dynamicAnchor",
)  # fmt: skip
# References that depend on the path of the reader, and constraints of draft 3.
REFUSED = ("$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy")
_KNOWN = {*OF_ANY, *COMBINING, *NOTES}.union(*OF_KIND.values())


def known(keyword: str) -> bool:
    """Return whether a specification gives the keyword a meaning."""
    return keyword in _KNOWN
