"""Schemas of the values that do not fit another schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jaxsample.interop.automaton._document import Document, child
from jaxsample.interop.automaton._keywords import prefix_of
from jaxsample.interop.automaton._values import KINDS

# For each keyword: its type, and a function that returns the negation.
OPPOSITE = {
    "minimum": ("number", lambda x: {"exclusiveMaximum": x}),
    "maximum": ("number", lambda x: {"exclusiveMinimum": x}),
    "exclusiveMinimum": ("number", lambda x: {"maximum": x}),
    "exclusiveMaximum": ("number", lambda x: {"minimum": x}),
    "minLength": ("string", lambda n: {"maxLength": n - 1} if n >= 1 else False),
    "maxLength": ("string", lambda n: {"minLength": n + 1}),
    "pattern": ("string", lambda p: {"$unlike": p}),
    "minItems": ("array", lambda n: {"maxItems": n - 1} if n >= 1 else False),
    "maxItems": ("array", lambda n: {"minItems": n + 1}),
    "minProperties": ("object", lambda n: {"maxProperties": n - 1} if n >= 1 else False),
    "maxProperties": ("object", lambda n: {"minProperties": n + 1}),
}
# If another keyword of the same type can be negated, these keywords are not negated. Otherwise some
# of them are. The negation of the schema then allows fewer values than it could, but no wrong ones.
LEFT_OUT = {
    "number": {"multipleOf"},
    "string": {"format"},
    "array": {
        "items", "prefixItems", "additionalItems", "uniqueItems", "minContains", "maxContains",
        "unevaluatedItems",
    },
    "object": {
        "additionalProperties", "patternProperties", "propertyNames", "dependencies",
        "dependentRequired", "dependentSchemas", "unevaluatedProperties",
    },
}  # fmt: skip


def negated(document: Document, place: str, wide: bool) -> list[str]:
    """Return the places of schemas; a value that fits one of them does not fit that at `place`.

    If `wide`, it is the reverse: a value that does not fit the schema at `place` fits one of them.

    Raises:
        ValueError: if the schema has keywords for a type and none of them can be negated.
    """
    schema = document.at(place)
    found = [True] if schema is False else []
    if isinstance(schema, Mapping):
        found = [s for s in _opposites(document, schema, place) if s is not False]
        for kind, keywords in LEFT_OUT.items():
            left = keywords & schema.keys()
            told = {"number", "integer"} if kind == "number" else {kind}
            types = schema.get("type", [kind])
            spoken = told & ({types} if isinstance(types, str) else set(types))
            if not (left and spoken):
                continue
            if wide:
                found.append({"type": kind})
            if any(s is True or s.get("type") == kind for s in found):
                continue
            broken = {"array": _broken_arrays, "object": _broken_objects}.get(kind)
            more = [{"type": kind, **s} for s in broken(document, schema, place)] if broken else []
            found += more
            if not more:
                raise ValueError(f"'not' of the keyword {min(left)!r} at {place} is not supported")
    name = "wide" if wide else "not"
    return [document.add(f"{place}/!{name}{i}", s) for i, s in enumerate(found)]


def _opposites(document, schema, place) -> Iterator[Any]:
    if "type" in schema:
        yield from _other_types(schema["type"])
    if "enum" in schema or "const" in schema:
        yield {"$excluded": schema.get("enum", [schema.get("const")])}
    if isinstance(schema.get("exclusiveMinimum"), bool) or isinstance(
        schema.get("exclusiveMaximum"), bool
    ):
        raise ValueError(f"'not' of a bound of draft 4 at {place} is not supported")
    for keyword, (kind, opposite) in OPPOSITE.items():
        if keyword in schema:
            found = opposite(schema[keyword])
            yield found and {"type": kind, **found}
    for target in document.targets(place):
        yield {"$not": target}
    if "not" in schema:
        yield {"$at": document.alias(child(place, "not"))}
    if "$at" in schema:
        yield {"$not": schema["$at"]}
    if "$not" in schema:
        yield {"$at": document.alias(schema["$not"])}
    for i in range(len(schema.get("allOf", ()))):
        yield {"$not": child(place, "allOf", i)}
    if "anyOf" in schema:
        yield _none(child(place, "anyOf"), schema["anyOf"])
    if "oneOf" in schema:
        yield _none(child(place, "oneOf"), schema["oneOf"])
        places = [child(place, "oneOf", i) for i in range(len(schema["oneOf"]))]
        parts = [{"$at": document.alias(p)} for p in places]
        yield from ({"allOf": [a, b]} for i, a in enumerate(parts) for b in parts[:i])
    if "if" in schema:
        condition = child(place, "if")
        if "then" in schema:
            met = {"$at": document.alias(condition)}
            yield {"allOf": [met, {"$not": child(place, "then")}]}
        if "else" in schema:
            yield {"allOf": [{"$not": condition}, {"$not": child(place, "else")}]}
    for name in schema.get("required", ()):
        yield {"type": "object", "properties": {name: False}}
    for name in schema.get("properties", ()):
        part = {"$not": child(place, "properties", name)}
        yield {"type": "object", "required": [name], "properties": {name: part}}
    if "contains" in schema and not {"minContains", "maxContains"} & schema.keys():
        yield {"type": "array", "items": {"$not": child(place, "contains")}}


def _other_types(types):
    types = [types] if isinstance(types, str) else types
    others = [k for k in KINDS if k not in types]
    if "integer" in types and "number" not in types:
        others.remove("number")
        yield {"type": "number", "$broken": True}
    if others:
        yield {"type": others}


def _none(place, parts):
    return {"allOf": [{"$not": f"{place}/{i}"} for i in range(len(parts))]}


def _broken_arrays(document, schema, place):
    first, rest = prefix_of(schema)
    n = len(schema[first]) if first else 0
    parts = [child(place, first, i) for i in range(n)]
    if rest and n:
        parts.append(child(place, rest))
    for i, part in enumerate(parts):
        yield {"minItems": i + 1, "prefixItems": [*[True] * i, {"$not": part}]}
    if rest and not n:
        yield {"contains": {"$not": child(place, rest)}}
    if "contains" in schema:
        part = {"$at": document.alias(child(place, "contains"))}
        least, most = schema.get("minContains", 1), schema.get("maxContains")
        if least > 0:
            yield {"contains": part, "minContains": 0, "maxContains": least - 1}
        if most is not None:
            yield {"contains": part, "minContains": most + 1}


def _broken_objects(document, schema, place):
    """Yield schemas of objects all of whose members break one keyword."""
    patterns = list(schema.get("patternProperties", ()))
    others = {"allOf": [{"$excluded": list(schema.get("properties", ()))}]}
    others["allOf"] += [{"$unlike": pattern} for pattern in patterns]
    spoken = [({"pattern": p}, child(place, "patternProperties", p)) for p in patterns]
    if "additionalProperties" in schema:
        spoken.append((others, child(place, "additionalProperties")))
    for names, part in spoken:
        broken = {"propertyNames": names, "additionalProperties": {"$not": part}}
        yield {"minProperties": 1, **broken}
    if "propertyNames" in schema:
        yield {"minProperties": 1, "propertyNames": {"$not": child(place, "propertyNames")}}
    for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
        for name, needed in schema.get(keyword, {}).items():
            if isinstance(needed, list):
                yield from ({"required": [name], "properties": {n: False}} for n in needed)
            else:
                yield {"required": [name], "$not": child(place, keyword, name)}
