"""A compiler of JSON schemas; an unsupported keyword raises an error and is never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxsample.interop.automaton._apart import apart, kind_of
from jaxsample.interop.automaton._json_text import (
    INTEGER,
    NUMBER,
    Layout,
    escaped,
    quoted,
    string,
    whitespace,
)
from jaxsample.interop.automaton._language import Either, Node, either, text
from jaxsample.interop.automaton._regex import parse

NOTES = {
    "$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "title", "description",
    "default", "examples", "deprecated", "readOnly", "writeOnly",
}  # fmt: skip
KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern"},
    "integer": set(),
    "number": set(),
    "boolean": set(),
    "null": set(),
}
# Keywords that describe the value completely, and the keywords allowed next to them.
WHOLE = {"$ref": set(), "anyOf": set(), "oneOf": set(), "enum": {"type"}, "const": {"type"}}


def compile_schema(schema: Any, space: str, depth: int) -> Node:
    """Return the JSON texts that a schema allows.

    Args:
        schema, space, depth: as for `from_json_schema`.

    Raises:
        ValueError: if a keyword is not supported, with its place in the schema.
    """
    return _Compiler(schema, Layout(whitespace(space)), depth).compile(schema, "#", ())


class _Compiler:
    def __init__(self, root, layout, depth):
        self.root, self.layout, self.depth = root, layout, depth

    def compile(self, schema, path, opened):
        """Compile one schema; `opened` lists the references that are being followed."""
        if not isinstance(schema, Mapping):
            raise ValueError(f"a schema must be an object, got {schema!r} at {path}")
        keywords = schema.keys() - NOTES
        whole = sorted(keywords & WHOLE.keys())
        if whole:
            self.check(keywords, {whole[0], *WHOLE[whole[0]]}, path, f" together with {whole[0]!r}")
            return self.whole(whole[0], schema, path, opened)
        types = types_of(schema, path)
        self.check(keywords, {"type"}.union(*(KEYWORDS[t] for t in types)), path)
        return either(*(getattr(self, t)(schema, path, opened) for t in types))

    def check(self, keywords, known, path, where=""):
        for keyword in sorted(keywords - known):
            raise ValueError(f"the keyword {keyword!r} at {path} is not supported{where}")

    def whole(self, keyword, schema, path, opened):
        if keyword == "$ref":
            return self.reference(schema["$ref"], path, opened)
        if keyword in ("enum", "const"):
            values = schema["enum"] if keyword == "enum" else [schema["const"]]
            if "type" in schema:
                types = types_of(schema, path)
                values = [v for v in values if any(is_of(v, t) for t in types)]
            return Either(tuple(self.layout.value(v) for v in values))
        parts = schema[keyword]
        if not isinstance(parts, list) or not parts:
            raise ValueError(f"{keyword!r} at {path} must list at least one schema")
        trees = [self.compile(s, f"{path}/{keyword}/{i}", opened) for i, s in enumerate(parts)]
        if keyword == "oneOf":
            self.check_apart(parts, path)
        return either(*trees)

    def check_apart(self, parts, path):
        for i, one in enumerate(parts):
            for j in range(i):
                if not apart(parts[j], one, self.resolve):
                    raise ValueError(
                        f"the schemas {j} and {i} of 'oneOf' at {path} are not plainly disjoint "
                        "(by type, constant, or a required property): use 'anyOf' if a value may "
                        "match both"
                    )

    def reference(self, name, path, opened):
        target = self.resolve(name, path)
        inside = opened.count(name) > 0
        again = len(opened) - len(set(opened)) + inside
        if again > self.depth:
            return Either(())
        return self.compile(target, name, (*opened, name))

    def resolve(self, name, path="#"):
        if not isinstance(name, str) or name.split("/")[0] != "#":
            raise ValueError(f"'$ref' at {path} must be a place in the schema, #/..., got {name!r}")
        found = self.root
        for part in name.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or part not in found:
                raise ValueError(f"'$ref' at {path} points nowhere: {name!r}")
            found = found[part]
        return found

    def object(self, schema, path, opened):
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        others = schema.get("additionalProperties", False)
        if not isinstance(others, bool):
            raise ValueError(f"'additionalProperties' at {path} is supported as a boolean only")
        for name in required:
            if name not in properties:
                raise ValueError(f"'required' at {path} names {name!r}, not one of 'properties'")
        return self.layout.object(
            [
                (name, self.compile(s, f"{path}/properties/{name}", opened), name in required)
                for name, s in properties.items()
            ]
        )

    def array(self, schema, path, opened):
        low, high = bounds(schema, "minItems", "maxItems", path)
        if "items" not in schema:
            if high != 0:
                raise ValueError(f"an array at {path} needs 'items'")
            return self.layout.sequence([])
        item = self.compile(schema["items"], f"{path}/items", opened)
        return self.layout.array(item, low, high)

    def string(self, schema, path, opened):
        del opened
        low, high = bounds(schema, "minLength", "maxLength", path)
        if "pattern" not in schema:
            return string(low, high)
        if "minLength" in schema or "maxLength" in schema:
            raise ValueError(f"'pattern' at {path} is not supported together with a length")
        return quoted(escaped(parse(schema["pattern"], search=True)))

    def integer(self, schema, path, opened):
        return INTEGER

    def number(self, schema, path, opened):
        return NUMBER

    def boolean(self, schema, path, opened):
        return either(text("true"), text("false"))

    def null(self, schema, path, opened):
        return text("null")


def types_of(schema: Mapping, path: str) -> list[str]:
    """Return the types of a schema; raise ValueError if there is none or one is unknown."""
    types = schema.get("type")
    types = [types] if isinstance(types, str) else types
    if not isinstance(types, list) or not types:
        raise ValueError(f"the schema at {path} needs a 'type'")
    for t in types:
        if t not in KEYWORDS:
            raise ValueError(f"'type' at {path} must be of {', '.join(KEYWORDS)}, got {t!r}")
    return types


def is_of(value: Any, name: str) -> bool:
    """Return whether a value has a type; 1.0 is an integer too."""
    if name == "integer":
        return kind_of(value) == "number" and value == int(value)
    return kind_of(value) == name


def bounds(schema: Mapping, least: str, most: str, path: str) -> tuple[int, int | None]:
    """Return the bounds of two keywords; raise ValueError if they are not whole or contradict."""
    low, high = schema.get(least, 0), schema.get(most)
    for name, bound in ((least, low), (most, high)):
        if bound is not None and (isinstance(bound, bool) or bound != int(bound) or bound < 0):
            raise ValueError(f"{name!r} at {path} must be a whole number >= 0, got {bound!r}")
    if high is not None and high < low:
        raise ValueError(f"{least!r} at {path} is larger than {most!r}: {low} > {high}")
    return int(low), None if high is None else int(high)
