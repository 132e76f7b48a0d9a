"""The texts of arrays whose items differ; the items must be of a finite set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jaxsample.interop.automaton._arrays import Choice, array_of
from jaxsample.interop.automaton._cases import Case, Places
from jaxsample.interop.automaton._json_text import Layout
from jaxsample.interop.automaton._language import Node
from jaxsample.interop.automaton._member import Members
from jaxsample.interop.automaton._values import same

MAX_SETS = 2000  # sets of items that an array may have written
MAX_VALUES = 100  # integers between bounds


def unique_items(layout: Layout, members: Members, case: Case, place: str) -> Node:
    """Return the arrays of a case, which has `uniqueItems` at a place.

    Raises:
        ValueError: if the items are not of a finite set, there are more than `MAX_SETS` sets of
            them, or the case has `contains`.
    """
    reader = members.reader
    if reader.said(case, "contains"):
        raise ValueError(f"'uniqueItems' at {place} is not supported with 'contains'")
    low, high = reader.size(case, "minItems", "maxItems")
    prefix = reader.prefix(case)
    slots = [
        _finite(members, reader.item(case, i, members.derived), place) for i in range(prefix + 1)
    ]
    values: list[Any] = []
    for value in (v for some in slots for v in some):
        if not any(same(value, v) for v in values):
            values.append(value)
    most = min(len(values), len(values) if high is None else high)
    if sum(math.comb(len(values), n) for n in range(most + 1)) > MAX_SETS:
        raise ValueError(f"'uniqueItems' at {place} has more than {MAX_SETS} sets of items")
    texts = [layout.value(v) for v in values]

    def choices(index, taken):
        fitting = slots[min(index, prefix)] if index < most else []
        free = (i for i, v in enumerate(values) if i not in taken)
        return [
            Choice(texts[i], taken | {i}) for i in free if any(same(values[i], v) for v in fitting)
        ]

    return array_of(layout, choices, lambda index, _: index >= low, frozenset(), len(values))


def _finite(members: Members, places: Places, place: str) -> list:
    """Return the values that fit schemas, if they are finitely many."""
    found = []
    for case in members.cases.of(places):
        listed = members.listed(case)
        if listed is None:
            some = _some(members, case)
            if some is None:
                raise ValueError(
                    f"'uniqueItems' at {place} needs items of an 'enum', or integers between "
                    f"bounds that are less than {MAX_VALUES} apart"
                )
            listed = [v for v in some if members.holds(case, v)]
        found += listed
    return found


def _some(members: Members, case: Case) -> Sequence[Any] | None:
    """Return finitely many values that include all those of a case, or None."""
    if case.kind == "number":
        said = members.reader.numbers(case)
        if said.whole and said.low and said.high:
            low, high = math.ceil(said.low.value), math.floor(said.high.value)
            return range(low, high + 1) if high - low < MAX_VALUES else None
    return {"null": [None], "boolean": [True, False]}.get(case.kind)
