"""The normal form of schemas: a disjunction of cases, each of one JSON type.

A list of places stands for the conjunction of the schemas there. It is rewritten to a list of
`Case`s, and a value must fit at least one of them. The rewriting resolves all keywords that combine
schemas (`$ref`, `allOf`, `anyOf`, `oneOf`, `not`, `if`, `dependentRequired`, ..). So the compiler
of a case sees only keywords of its own type. The schemas of properties and items stay places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jaxsample.interop.automaton._check import check
from jaxsample.interop.automaton._document import Document, child
from jaxsample.interop.automaton._keywords import OF_ANY, OF_KIND, known
from jaxsample.interop.automaton._negation import negated
from jaxsample.interop.automaton._values import KINDS, kind_of

MAX_CASES = 400
Places = tuple[str, ...]


class Case(NamedTuple):
    """Values of one JSON type that fit the keywords of all these schemas.

    Attributes:
        kind: the type, one of `KINDS`.
        places: the schemas, without those that say nothing of the type.
    """

    kind: str
    places: Places


class Cases:
    """Rewrites schemas of a document to cases.

    Args:
        document: where the schemas are.
        apart: returns whether plainly no value fits two schemas, for `oneOf`.
        is_wide: whether the cases may allow more than the schemas, and else less, where a negation
            can't be exact.
    """

    def __init__(self, document: Document, apart: Callable[[str, str], bool], is_wide: bool):
        self.document, self.apart, self.is_wide = document, apart, is_wide
        self.known: dict[str, list[Case]] = {}
        self.open: list[str] = []
        self.ignored: dict[str, None] = {}  # keywords that no specification knows

    def of(self, places: Places) -> list[Case]:
        """Return the cases of schemas that hold together.

        Raises:
            ValueError: if a keyword can't be kept, if a schema refers to itself without a value
                between, or if there are too many cases.
        """
        found = [Case(kind, ()) for kind in KINDS]
        for place in places:
            found = self._meet(found, self._at(place), place)
        return found

    def applied(self, place: str) -> list[str]:
        """Return the schemas that keywords of a schema apply to the same value, but for `not`."""
        schema = self.document.at(place)
        if isinstance(schema, bool):
            return []
        found = self.document.targets(place)
        for keyword in ("allOf", "anyOf", "oneOf"):
            found += _parts_of(schema, keyword, place)
        found += [child(place, k) for k in ("if", "then", "else") if k in schema]
        for keyword in ("dependentSchemas", "dependencies"):
            parts = schema.get(keyword, {}).items()
            found += [child(place, keyword, k) for k, part in parts if not isinstance(part, list)]
        return found

    def _at(self, place):
        if place in self.open:
            raise ValueError(f"the schema at {place} refers to itself without a value between")
        if place not in self.known:
            self.open.append(place)
            try:
                self.known[place] = self._found(place)
            finally:
                self.open.pop()
        return self.known[place]

    def _found(self, place):
        schema = self.document.at(place)
        if isinstance(schema, bool):
            return [Case(kind, ()) for kind in KINDS if schema]
        self._check(schema, place)
        found = [Case(kind, (place,) if _speaks(schema, kind) else ()) for kind in _kinds(schema)]
        for alternatives in self._parts(schema, place):
            found = self._meet(found, [c for a in alternatives for c in self.of(a)], place)
        return found

    def _check(self, schema, place):
        check(schema, place)
        self.ignored |= {repr(keyword): None for keyword in schema if not known(keyword)}

    def _meet(self, some, others, place):
        found = dict.fromkeys(
            Case(a.kind, tuple(dict.fromkeys(a.places + b.places)))
            for a in some
            for b in others
            if a.kind == b.kind
        )
        if len(found) > MAX_CASES:
            raise ValueError(f"the schema at {place} has more than {MAX_CASES} cases")
        return list(found)

    def _parts(self, schema: Mapping, place: str):
        """Yield the alternatives of every keyword that combines schemas, as lists of places."""
        for target in self.document.targets(place):
            yield [(target,)]
        if "$at" in schema:
            yield [(schema["$at"],)]
        for part in _parts_of(schema, "allOf", place):
            yield [(part,)]
        if "anyOf" in schema:
            yield [(part,) for part in _parts_of(schema, "anyOf", place)]
        if "oneOf" in schema:
            yield self._exclusive(_parts_of(schema, "oneOf", place), place)
        for keyword in {"not", "$not"} & schema.keys():
            part = schema["$not"] if keyword == "$not" else child(place, "not")
            if not isinstance(denied := self.document.at(part), bool):
                self._check(denied, part)
            yield [(p,) for p in negated(self.document, part, self.is_wide)]
        if "if" in schema:
            condition = child(place, "if")
            yes, no = ((child(place, k),) if k in schema else () for k in ("then", "else"))
            if yes or no:
                yield [(condition, *yes), (self.negation(condition), *no)]
        for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
            for name, needed in schema.get(keyword, {}).items():
                yield self._dependent(name, needed, child(place, keyword, name))

    def negation(self, place: str) -> str:
        """Return the place of the schema of all values that do not fit another."""
        return self.document.add(f"{place}/!not", {"$not": place})

    def _exclusive(self, parts, place):
        found = []
        for i, one in enumerate(parts):
            try:
                others = [p for j, p in enumerate(parts) if j != i and not self.apart(one, p)]
                found.append((one, *map(self.negation, others)))
                self.of(found[-1])
            except ValueError as error:
                raise ValueError(
                    f"the schema {i} of 'oneOf' at {place} can't be held apart from others "
                    f"(use 'anyOf' if a value may match both): {error}"
                ) from None
        return found

    def _dependent(self, name, needed, place):
        without = self.document.add(f"{place}/!without", {"properties": {name: False}})
        with_: dict = {"type": "object", "required": [name]}
        if isinstance(needed, list):
            with_["required"] = [name, *needed]
        else:
            with_["$at"] = place
        return [(without,), (self.document.add(f"{place}/!with", with_),)]


def _parts_of(schema, keyword, place):
    return [child(place, keyword, i) for i in range(len(schema.get(keyword, ())))]


def _kinds(schema):
    """Return the types that `type`, `enum` and `const` leave."""
    found = list(KINDS)
    if "type" in schema:
        types = schema["type"]
        types = [types] if isinstance(types, str) else types
        found = [k for k in found if k in types or (k == "number" and "integer" in types)]
    if "const" in schema:
        found = [k for k in found if k == kind_of(schema["const"])]
    if "enum" in schema:
        found = [k for k in found if k in set(map(kind_of, schema["enum"]))]
    return found


def _speaks(schema, kind):
    types = schema.get("type", ())
    if kind == "number" and "integer" in types and "number" not in types:
        return True
    return any(keyword in schema for keyword in OF_ANY + OF_KIND[kind])
