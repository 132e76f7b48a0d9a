"""Two public suites of JSON schemas with valid and invalid instances, and their judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsample import TokenAutomaton

from .vocabularies import Vocabulary

TRIES = 300  # properties of an object that are tried in some order


class Case(NamedTuple):
    """A schema and its instances, as pairs of a value and whether the schema allows it."""

    name: str
    schema: Any
    instances: list[tuple[Any, bool]]


QUICK = [
    Case("integers", {"type": "integer", "minimum": 3}, [(3, True), (2, False), ("3", False)]),
    Case(
        "objects",
        {"properties": {"a": {"type": "boolean"}}, "required": ["a"]},
        [({"a": True}, True), ({"a": 1}, False), ({}, False)],
    ),
]


def cases(folder: Path) -> list[Case]:
    """Read every file of a folder, in either format, in the order of their names.

    A file of MaskBench is an object with one schema; a file of the JSON-Schema-Test-Suite is a list
    of them.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        groups = read if isinstance(read, list) else [read]
        for number, group in enumerate(groups):
            instances = [(test["data"], test["valid"]) for test in group["tests"]]
            name = path.stem + (f"#{number}" if isinstance(read, list) else "")
            found.append(Case(name, group["schema"], instances))
    return found


class Judge:
    """Tells whether an automaton accepts a value that is spelled byte by byte.

    A value has several texts: its properties may stand in any order, and 1 may be 1.0. The value is
    accepted if one of them is.
    """

    def __init__(self, automaton: TokenAutomaton, vocabulary: Vocabulary):
        tokens = {text: token for token, text in enumerate(vocabulary.tokens)}
        columns = [tokens.get(bytes([i])) for i in range(256)] + [vocabulary.eos]
        missing = [token is None for token in columns]  # bytes that are in no text
        classes = np.asarray(automaton.classes)[[token or 0 for token in columns]]
        table = np.where(missing, -1, np.asarray(automaton.table)[:, classes])
        self.table: list[list[int]] = table.tolist()

    def accepts(self, value: Any) -> bool:
        """Return whether a text of the value leads from the start to an end."""
        return any(self.table[state][256] >= 0 for state in self.after({0}, value))

    def after(self, states: set[int], value: Any) -> set[int]:
        """Return the states that the texts of a value lead to."""
        if isinstance(value, dict):
            return self.members(self.read(states, "{"), value)
        if isinstance(value, list):
            states = self.read(states, "[")
            for i, item in enumerate(value):
                states = self.after(self.read(states, ",") if i else states, item)
            return self.read(states, "]")
        return set().union(*(self.read(states, text) for text in _texts(value)))

    def members(self, states, value):
        """Read the properties in an order that the automaton follows; return the first ends.

        The next property is one that shuts out the fewest of the others, so the order of a schema
        is found at once. `TRIES` bounds the search, which has no good end in invalid objects.
        """
        known: dict[tuple, set[int]] = {}
        tries = iter(range(TRIES))

        def keys(states, name, first):
            start = states if first else self.read(states, ",")
            return self.read(set().union(*(self.read(start, t) for t in _texts(name))), ":")

        def member(states, name, first):
            begun = frozenset(keys(states, name, first))
            if (begun, name) not in known:
                known[begun, name] = self.after(set(begun), value[name])
            return known[begun, name]

        def ends(states, rest, first):
            if not rest:
                return self.read(states, "}")
            found = [(name, member(states, name, first)) for name in rest]
            now = {name for name, after in found if after}
            ranked = [
                (sum(not keys(after, other, False) for other in now - {name}), name, after)
                for name, after in found
                if after
            ]
            for _, name, after in sorted(ranked, key=lambda move: move[0]):
                if next(tries, None) is None:
                    break
                if reached := ends(after, rest - {name}, False):
                    return reached
            return set()

        return ends(states, frozenset(value), True)

    def read(self, states, text):
        """Return the states after a text."""
        found = set(states)
        for byte in text.encode():
            found = {self.table[state][byte] for state in found} - {-1}
        return found


def _texts(value) -> Iterator[str]:
    """Yield the texts of a scalar that are tried."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # UTF-8 cannot write half of a surrogate pair
    yield text
    if isinstance(value, float):
        plain = format(Decimal(text), "f")
        yield plain
        if value == int(value):
            yield str(int(Decimal(text)))
