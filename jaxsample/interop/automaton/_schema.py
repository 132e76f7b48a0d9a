"""A compiler of JSON schemas; an unsupported keyword raises an error and is never ignored."""

from __future__ import annotations

import warnings
from typing import Any

from jaxsample.interop.automaton._arrays import Choice, array_of
from jaxsample.interop.automaton._cases import Case, Places
from jaxsample.interop.automaton._document import Document, child
from jaxsample.interop.automaton._json_text import (
    NUMBER,
    Layout,
    escaped,
    quoted,
    string,
    whitespace,
)
from jaxsample.interop.automaton._language import NOTHING, Either, Node, either, text, then
from jaxsample.interop.automaton._machines import ANYTHING, both, is_empty, other_than, without
from jaxsample.interop.automaton._member import Members
from jaxsample.interop.automaton._numbers import numbers
from jaxsample.interop.automaton._objects import Member, object_of
from jaxsample.interop.automaton._reading import Reader
from jaxsample.interop.automaton._strings import characters
from jaxsample.interop.automaton._unique import unique_items
from jaxsample.interop.automaton._values import exact, kind_of

ANY_DEPTH = 3  # how deep arrays and objects lie in each other where a schema allows any value
MAX_NESTED = 3000  # arrays and objects, counted once for each place where they lie


def compile_schema(schema: Any, space: str, depth: int, additional: bool) -> Node:
    """Return the JSON texts that a schema allows.

    Args:
        schema, space, depth, additional: as for `from_json_schema`.

    Raises:
        ValueError: if a keyword can't be kept, with its place in the schema.

    Warns:
        UserWarning: once, with all keywords and formats that no specification knows.
    """
    document = Document(schema)
    layout = Layout(whitespace(space), not document.is_draft_4)
    compiler = _Compiler(document, layout, depth, additional)
    tree = compiler.compile(("#",), ())
    ignored = compiler.members.cases.ignored
    if ignored:
        names = ", ".join(ignored)
        warnings.warn(f"the schema has keywords that say nothing of values: {names}", stacklevel=3)
    return tree


class _Compiler:
    def __init__(self, document, layout, depth, additional):
        self.layout, self.depth, self.additional = layout, depth, additional
        self.reader = Reader(document)
        self.members = Members(self.reader)
        self.known: dict[tuple, Node] = {}
        self.recursive: set[Case] = set()
        self.nested = 0

    def compile(self, places: Places, opened: tuple[Case, ...]) -> Node:
        """Return the texts that fit all schemas; `opened` lists the cases around them."""
        return either(*(self.case(case, opened) for case in self.members.cases.of(places)))

    def case(self, case: Case, opened: tuple[Case, ...]) -> Node:
        """Return the texts of a case; none if it lies in itself too often."""
        nested = case.kind in ("array", "object")
        if nested and not case.places:
            return self.anything(case.kind, ANY_DEPTH)
        inside = nested and case in opened
        if inside:
            self.recursive.update(opened[opened.index(case) :])
        again = len(opened) - len(set(opened)) + inside
        if again > self.depth:
            return NOTHING

        def key():  # what the texts depend on
            return (case, frozenset(self.recursive.intersection(opened)), again) if nested else case

        if key() not in self.known:
            listed = self.members.listed(case)
            if listed is not None:
                tree = Either(tuple(map(self.layout.value, listed)))
            else:
                self.nested += nested
                if self.nested > MAX_NESTED:
                    raise ValueError(
                        f"the schema at # has more than {MAX_NESTED} arrays and objects inside of "
                        "one another: lower `depth`, or use 'anyOf' in place of 'oneOf'"
                    )
                tree = getattr(self, case.kind)(case, (*opened, case))
            self.known[key()] = tree
        return self.known[key()]

    def anything(self, kind: str, depth: int) -> Node:
        """Return all arrays or objects of a depth."""
        if (kind, depth) not in self.known:
            values = [text("null"), text("true"), text("false"), NUMBER, string()]
            if depth > 1:
                values += [self.anything("array", depth - 1), self.anything("object", depth - 1)]
            value = either(*values)
            member = then(string(), self.layout.colon, value)
            self.known[kind, depth] = (
                array_of(self.layout, lambda *_: [Choice(value, ())], lambda *_: True, (), 0)
                if kind == "array"
                else object_of(self.layout, [], member, 0, None)
            )
        return self.known[kind, depth]

    def null(self, case, opened):
        return NOTHING if None in self.reader.values(case)[1] else text("null")

    def boolean(self, case, opened):
        return either(*(text(str(v).lower()) for v in (True, False) if self.members.holds(case, v)))

    def number(self, case, opened):
        _, excluded = self.reader.values(case)
        excluded = [exact(v) for v in excluded if kind_of(v) == "number"]
        try:
            return numbers(self.reader.numbers(case), excluded)
        except ValueError as error:
            raise ValueError(f"the number at {', '.join(case.places)}: {error}") from None

    def string(self, case, opened):
        return quoted(escaped(characters(self.members, case)))

    def array(self, case, opened):
        self.check_excluded(case)
        reader, members = self.reader, self.members
        low, high = reader.size(case, "minItems", "maxItems")
        if high is not None and high < low:
            return NOTHING
        prefix = reader.prefix(case)
        unique = [p for p, given in reader.said(case, "uniqueItems") if given]
        if unique and high not in (0, 1):
            return unique_items(self.layout, self.members, case, unique[0])
        wanted = [
            (p, s.get("minContains", 1), s.get("maxContains"))
            for p, _ in reader.said(case, "contains")
            for s in [reader.document.at(p)]
        ]

        def choices(index, counts):
            if high is not None and index >= high:
                return []
            found = [(reader.item(case, min(index, prefix), members.derived), ())]
            for (place, least, most), n in zip(wanted, counts, strict=True):
                part = child(place, "contains")
                without_ = () if most is None else (members.cases.negation(part),)
                grown = min(n + 1, least if most is None else most + 1)
                found = [
                    (places + more, (*before, count))
                    for places, before in found
                    for more, count in (((part,), grown), (without_, n))
                    if most is None or count <= most
                ]
            return [Choice(self.compile(places, opened), after) for places, after in found]

        def ends(index, counts):
            return index >= low and all(
                n >= least for (_, least, _), n in zip(wanted, counts, strict=True)
            )

        last = max(prefix, low, high or 0)
        return array_of(self.layout, choices, ends, (0,) * len(wanted), last)

    def object(self, case, opened):
        self.check_excluded(case)
        low, high = self.reader.size(case, "minProperties", "maxProperties")
        if high is not None and high < low:
            return NOTHING
        required = self.reader.required(case)
        names = self.reader.names(case)
        found = []
        for name in names:
            value = self.compile(self.members.named(case, name), opened)
            if not (isinstance(value, Either) and not value.parts):
                label = then(self.layout.value(name), self.layout.colon, value)
                found.append(Member(label, name in required))
            elif name in required:
                return NOTHING
        others = self.other_members(case, names, opened) if self.is_open(case) else None
        if others is not None and low > 1 + len(found):
            place = next(p for p, n in self.reader.said(case, "minProperties") if n == low)
            raise ValueError(f"'minProperties' at {place} needs more names than the schema lists")
        return object_of(self.layout, found, others, low, high)

    def is_open(self, case):
        """Return whether properties are written that the schemas do not list."""
        said = self.reader.said
        spoken = said(case, "patternProperties")
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            spoken += [v for v in said(case, keyword) if v[1] is not False]
        added = self.reader.document.is_added
        listed = any(not added(place) for place, _ in said(case, "properties"))
        return self.additional or bool(spoken) or not listed

    def other_members(self, case, names, opened):
        """Return the texts of any member that no schema lists, or None if there is none."""
        rest = other_than(names) if names else ANYTHING
        for place, _ in self.reader.said(case, "propertyNames"):
            strings = [
                characters(self.members, c)
                for c in self.members.cases.of((child(place, "propertyNames"),))
                if c.kind == "string"
            ]
            rest = both(rest, either(*strings))
        groups: list[tuple[Node, set]] = [(rest, set())]
        for place, patterns in self.reader.said(case, "patternProperties"):
            for pattern in patterns:
                tree = self.reader.pattern(pattern, place)
                groups = [
                    (part, matched | more)
                    for language, matched in groups
                    for part, more in (
                        (both(language, tree), {pattern}),
                        (without(language, tree), set()),
                    )
                    if not is_empty(part)
                ]
        found = []
        for language, matched in groups:
            places = self.reader.matched(
                case, None, lambda pattern, _, m=matched: pattern in m, self.members.derived
            )
            value = self.compile(places, opened)
            if not (isinstance(value, Either) and not value.parts):
                found.append(then(quoted(escaped(language)), self.layout.colon, value))
        return either(*found) if found else None

    def check_excluded(self, case):
        for place, values in self.reader.said(case, "$excluded"):
            if any(kind_of(v) == case.kind for v in values):
                raise ValueError(f"'not' of a constant {case.kind} at {place} is not supported")
