"""The combined meaning of the keywords of a case."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from jaxsample.interop.automaton._cases import Case, Places
from jaxsample.interop.automaton._determinise import Automaton
from jaxsample.interop.automaton._document import Document, child
from jaxsample.interop.automaton._keywords import prefix_of
from jaxsample.interop.automaton._language import Node
from jaxsample.interop.automaton._machines import machine_of, matches
from jaxsample.interop.automaton._regex import parse
from jaxsample.interop.automaton._values import exact

NEVER = "#/!never"  # the place of the schema that no value fits


class Bound(NamedTuple):
    """A bound of numbers, which is allowed itself unless it is `strict`."""

    value: Decimal
    strict: bool


class Numbers(NamedTuple):
    """The numbers from `low` to `high` that are multiples of all `steps`.

    Attributes:
        low, high: bounds, or None.
        whole: only integers; or None for all numbers, and False for no integers.
        steps: what a number is a multiple of.
    """

    low: Bound | None
    high: Bound | None
    whole: bool | None
    steps: tuple[Decimal, ...]


class Reader:
    """Reads the keywords of cases in a document."""

    def __init__(self, document: Document):
        self.document = document
        self.patterns: dict[str, Node] = {}
        self.machines: dict[int, tuple[Node, Automaton]] = {}  # trees are kept, so ids are unique
        document.add(NEVER, False)

    def said(self, case: Case, keyword: str) -> list[tuple[str, Any]]:
        """Return the place and the value of a keyword in each schema that has it."""
        schemas = [(place, self.document.at(place)) for place in case.places]
        return [(p, s[keyword]) for p, s in schemas if not isinstance(s, bool) and keyword in s]

    def values(self, case: Case) -> tuple[list | None, list]:
        """Return the values of `enum` and `const`, or None, and the excluded values."""
        listed = [v for _, v in self.said(case, "enum")]
        listed += [[v] for _, v in self.said(case, "const")]
        shortest = min(listed, key=len) if listed else None
        return shortest, [v for _, some in self.said(case, "$excluded") for v in some]

    def size(self, case: Case, least: str, most: str) -> tuple[int, int | None]:
        """Return the bounds of a length; no value has it if the first is larger."""
        highs = [int(n) for _, n in self.said(case, most)]
        return max([0, *(int(n) for _, n in self.said(case, least))]), min(highs, default=None)

    def numbers(self, case: Case) -> Numbers:
        """Return what a case says of numbers."""
        bounds: list[list[Bound]] = []
        for inclusive, exclusive in (
            ("minimum", "exclusiveMinimum"),
            ("maximum", "exclusiveMaximum"),
        ):
            found = []
            for place, x in self.said(case, inclusive):
                strict = self.document.at(place).get(exclusive) is True  # as in draft 4
                found.append(Bound(exact(x), strict))
            found += [
                Bound(exact(x), True)
                for _, x in self.said(case, exclusive)
                if not isinstance(x, bool)
            ]
            bounds.append(found)
        lows, highs = bounds
        whole = None
        for place in case.places:
            types = self.document.at(place).get("type", ())
            if "integer" in types and "number" not in types:
                whole = True
        if self.said(case, "$broken"):
            if whole:  # no number is an integer and is none
                return Numbers(Bound(Decimal(1), True), Bound(Decimal(0), True), True, ())
            whole = False
        return Numbers(
            max(lows, key=lambda b: (b.value, b.strict), default=None),
            min(highs, key=lambda b: (b.value, not b.strict), default=None),
            whole,
            tuple(exact(x) for _, x in self.said(case, "multipleOf")),
        )

    def pattern(self, pattern: str, place: str) -> Node:
        """Return the texts in which a pattern is found."""
        if pattern not in self.patterns:
            try:
                self.patterns[pattern] = parse(pattern, search=True)
            except ValueError as error:
                raise ValueError(f"the pattern at {place}: {error}") from None
        return self.patterns[pattern]

    def matches(self, tree: Node, text: str) -> bool:
        """Return whether a text is in a language, whose machine is kept."""
        if id(tree) not in self.machines:
            self.machines[id(tree)] = tree, machine_of(tree)
        return matches(self.machines[id(tree)][1], text)

    def names(self, case: Case) -> list[str]:
        """Return the names of properties that a case knows, in their order in the schemas."""
        found: dict[str, None] = {}
        for keyword in ("properties", "required"):
            for _, names in self.said(case, keyword):
                found |= dict.fromkeys(names)
        return list(found)

    def required(self, case: Case) -> set[str]:
        """Return the names that every object of the case has."""
        return {name for _, names in self.said(case, "required") for name in names}

    def named(self, case: Case, name: str, derived) -> Places:
        """Return the schemas of the property of a name.

        Args:
            derived: returns the schemas that a schema applies to the same value, for
                `unevaluatedProperties`.
        """
        return self.matched(
            case,
            name,
            lambda pattern, place: self.matches(self.pattern(pattern, place), name),
            derived,
        )

    def matched(self, case: Case, name: str | None, is_matched, derived) -> Places:
        """Return the schemas of properties; `name` is None for those that no schema lists."""
        found: dict[str, None] = {}
        reached = {}
        for place in case.places:
            schema = self.document.at(place)
            own = []
            if name in schema.get("properties", ()):
                own.append(child(place, "properties", name))
            for pattern in schema.get("patternProperties", ()):
                if is_matched(pattern, child(place, "patternProperties", pattern)):
                    own.append(child(place, "patternProperties", pattern))
            if not own and "additionalProperties" in schema:
                own.append(child(place, "additionalProperties"))
            reached[place] = bool(own)
            found |= dict.fromkeys(own)
        return (*found, *self._unevaluated(case, "unevaluatedProperties", reached, derived))

    def _unevaluated(self, case, keyword, reached, derived):
        """Return the schemas of a keyword for a part of which schemas inside say nothing."""
        found = []
        for place, _ in self.said(case, keyword):
            inside = [p for p in reached if p in derived(place)]
            others = any(keyword in self.document.at(p) for p in inside if p != place)
            if not others and not any(reached[p] for p in inside):
                counted = [p for p in inside if "contains" in self.document.at(p)]
                if keyword == "unevaluatedItems" and counted:
                    found.append(self._uncounted(place, counted))
                else:
                    found.append(child(place, keyword))
        return found

    def _uncounted(self, place, counted):
        """Return the schema of items that fit a `contains`, or else `unevaluatedItems`."""
        if "2019-09" in str(self.document.at("#").get("$schema")):
            raise ValueError(
                f"'unevaluatedItems' at {place} is not supported with 'contains' of draft 2019-09"
            )
        parts = [self.document.alias(child(p, "contains")) for p in counted]
        parts.append(child(place, "unevaluatedItems"))
        union = {"anyOf": [{"$at": part} for part in parts]}
        return self.document.add(child(place, f"!counted {' '.join(counted)}"), union)

    def item(self, case: Case, index: int, derived) -> Places:
        """Return the schemas of the item at an index."""
        found: dict[str, None] = {}
        reached = {}
        for place in case.places:
            schema = self.document.at(place)
            first, rest = prefix_of(schema)
            own = []
            if first is not None and index < len(schema[first]):
                own.append(child(place, first, index))
            elif rest is not None:
                own.append(child(place, rest))
            reached[place] = bool(own)
            found |= dict.fromkeys(own)
        return (*found, *self._unevaluated(case, "unevaluatedItems", reached, derived))

    def prefix(self, case: Case) -> int:
        """Return the number of items that have schemas of their own."""
        found = 0
        for place in case.places:
            schema = self.document.at(place)
            first, _ = prefix_of(schema)
            found = max(found, len(schema[first]) if first else 0)
        return found
