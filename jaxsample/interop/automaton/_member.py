"""Tests of values against schemas, and tests for schemas that certainly no value fits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from jaxsample.interop.automaton._cases import Case, Cases, Places
from jaxsample.interop.automaton._document import child
from jaxsample.interop.automaton._formats import FORMATS
from jaxsample.interop.automaton._machines import both, is_empty
from jaxsample.interop.automaton._reading import NEVER, Reader
from jaxsample.interop.automaton._values import exact, kind_of, same


class Members:
    """Answers questions about the values of cases.

    Where an answer can't be exact, fewer values fit than should.

    Args:
        reader: reads the keywords.
        is_wide: whether more values fit than should instead.

    Attributes:
        wide: the same answers, but wide.
    """

    def __init__(self, reader: Reader, is_wide: bool = False):
        self.reader = reader
        self.wide: Members = self if is_wide else Members(reader, True)
        self.scalars: dict[str, set] = {}
        self.applied: dict[str, set[str]] = {}
        self.cases = Cases(reader.document, self.apart, is_wide)

    def fits(self, places: Places, value: Any) -> bool:
        """Return whether a value fits all schemas."""
        return any(self.holds(case, value) for case in self.cases.of(places))

    def listed(self, case: Case) -> list | None:
        """Return the values of `enum` or `const` that fit the whole case; None without either."""
        listed, _ = self.reader.values(case)
        return None if listed is None else [v for v in listed if self.holds(case, v)]

    def holds(self, case: Case, value: Any) -> bool:
        """Return whether a value fits a case."""
        if kind_of(value) != case.kind or not self._allowed(case, value):
            return False
        check = {
            "number": self._number, "string": self._string, "array": self._array,
            "object": self._object,
        }.get(case.kind)  # fmt: skip
        return check is None or check(case, value)

    def derived(self, place: str) -> set[str]:
        """Return the schemas that a schema applies to the same value, without those in `not`."""
        if place not in self.applied:
            found = dict.fromkeys([place])
            queue = [place]
            for one in queue:  # the loop appends to the queue
                more = [p for p in self.cases.applied(one) if p not in found]
                found |= dict.fromkeys(more)
                queue += more
            self.applied[place] = set(found)
        return self.applied[place]

    def named(self, case: Case, name: str) -> Places:
        """Return the schemas of the property of a name."""
        for place, _ in self.reader.said(case, "propertyNames"):
            if not self.fits((child(place, "propertyNames"),), name):
                return (NEVER,)
        return self.reader.named(case, name, self.derived)

    def apart(self, one: str, two: str) -> bool:
        """Return whether it is certain that no value fits two schemas."""
        return all(map(self.wide.is_empty, self.wide.cases.of((one, two))))

    def is_empty(self, case: Case) -> bool:
        """Return whether it is certain that no value fits a case."""
        try:
            return self._is_empty(case, ())
        except ValueError:  # what can't be kept is reported where it is compiled
            return False

    def _allowed(self, case, value):
        reader = self.reader
        for place, some in reader.said(case, "enum"):
            if not self._in(place, some, value):
                return False
        if any(not same(value, v) for _, v in reader.said(case, "const")):
            return False
        return not any(same(value, v) for _, some in reader.said(case, "$excluded") for v in some)

    def _in(self, place, some, value):
        """Return whether the `enum` at a place has a value; it may be long."""
        if isinstance(value, dict | list):
            return any(same(value, v) for v in some)
        if place not in self.scalars:
            scalars = (v for v in some if not isinstance(v, dict | list))
            self.scalars[place] = {(kind_of(v), v) for v in scalars}
        return (kind_of(value), value) in self.scalars[place]

    def _number(self, case, value):
        said, x = self.reader.numbers(case), exact(value)
        if said.low and (x < said.low.value or (said.low.strict and x == said.low.value)):
            return False
        if said.high and (x > said.high.value or (said.high.strict and x == said.high.value)):
            return False
        if said.whole is not None and said.whole != (x == int(x)):
            return False
        return all(Fraction(x) % Fraction(step) == 0 for step in said.steps)

    def _string(self, case, value):
        low, high = self.reader.size(case, "minLength", "maxLength")
        if len(value) < low or (high is not None and len(value) > high):
            return False
        for keyword, wanted in (("pattern", True), ("$unlike", False)):
            for place, pattern in self.reader.said(case, keyword):
                if self.reader.matches(self.reader.pattern(pattern, place), value) != wanted:
                    return False
        if self is self.wide:  # ours may have fewer texts than a format has
            return True
        formats = [FORMATS[f] for _, f in self.reader.said(case, "format") if f in FORMATS]
        return all(self.reader.matches(tree(), value) for tree in formats)

    def _array(self, case, value):
        reader = self.reader
        low, high = reader.size(case, "minItems", "maxItems")
        if len(value) < low or (high is not None and len(value) > high):
            return False
        if any(unique for _, unique in reader.said(case, "uniqueItems")) and any(
            same(a, b) for i, a in enumerate(value) for b in value[:i]
        ):
            return False
        for place, _ in reader.said(case, "contains"):
            part, schema = child(place, "contains"), reader.document.at(place)
            if sum(self.fits((part,), item) for item in value) < schema.get("minContains", 1):
                return False
            most = schema.get("maxContains", len(value))
            if sum(self.wide.fits((part,), item) for item in value) > most:
                return False
        return all(
            self.fits(reader.item(case, i, self.derived), item) for i, item in enumerate(value)
        )

    def _object(self, case, value):
        low, high = self.reader.size(case, "minProperties", "maxProperties")
        if len(value) < low or (high is not None and len(value) > high):
            return False
        if not self.reader.required(case) <= value.keys():
            return False
        return all(self.fits(self.named(case, name), v) for name, v in value.items())

    def _is_empty(self, case, around):
        if case in around:
            return False
        listed = self.listed(case)
        if listed is not None:
            return not listed
        if case.kind == "number":
            said = self.reader.numbers(case)
            if said.low and said.high:
                strict = said.low.strict or said.high.strict
                low, high = said.low.value, said.high.value
                return low > high or (low == high and strict)
        if case.kind == "string":
            low, high = self.reader.size(case, "minLength", "maxLength")
            like = [self.reader.pattern(x, p) for p, x in self.reader.said(case, "pattern")]
            return (high is not None and low > high) or (
                len(like) > 1 and is_empty(both(like[0], like[1]))
            )
        if case.kind == "object":
            needed = self.reader.required(case)
            return any(
                all(
                    self._is_empty(inside, (*around, case))
                    for inside in self.cases.of(self.named(case, name))
                )
                for name in needed
            )
        if case.kind == "array":
            low, high = self.reader.size(case, "minItems", "maxItems")
            return high is not None and low > high
        return False
