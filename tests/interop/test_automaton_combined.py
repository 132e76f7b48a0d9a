"""Random schemas of combined keywords: jsonschema accepts the texts that their automata write."""

import json
import random
import re
from fractions import Fraction

import numpy as np
import pytest

from jaxsample.interop import from_json_schema
from tests.vocabularies import EOS, VOCABULARY, random_texts

NAMES = ["a", "b", "ab", "x"]
PATTERNS = ["^a", "b", "^[ab]{2}", "x", "^a|^x", "[^a]"]  # $ and . differ in Python
VALUES = [None, True, 0, 1, -1, 1.5, 3, "", "a", "ab", "x", [], [1], ["a"], {}, {"a": 1}]
NUMBERS = [0, 1, 3, -2, 0.5, -0.5, 2.5, 12]
KINDS = {  # for each kind its types and the keywords that speak of it
    "number": (
        ["number", "integer"],
        ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    ),
    "string": (["string"], ["pattern", "minLength", "maxLength"]),
    "array": (
        ["array"],
        [
            "items", "prefixItems", "contains", "contains", "minContains", "maxContains",
            "minItems", "maxItems", "unevaluatedItems",
        ],
    ),
    "object": (
        ["object"],
        [
            "properties", "properties", "patternProperties", "additionalProperties",
            "propertyNames", "required", "required", "dependentRequired", "dependentSchemas",
            "minProperties", "maxProperties", "unevaluatedProperties",
        ],
    ),
}  # fmt: skip
COUNTS = ["minContains", "maxContains"]
COMBINING = ["not", "if", "allOf", "anyOf", "oneOf"]


class Grammar:
    """Draws schemas whose keywords speak of the same kind of values, so that they interact."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def root(self):
        kind = self.random.choice(list(KINDS))
        types = self.random.choice(KINDS[kind][0])
        return {"type": self.random.choice([types, [types, "null"]])} | self.schema(2, kind)

    def schema(self, depth, kind):
        draw = self.random.choice
        types, keywords = KINDS[kind]
        found: dict = {}
        if self.random.random() < 0.5:
            found["type"] = draw([*types, [*types[:1], "null"]])
        names = [*keywords, *COMBINING, "enum", "const"] if depth else ["type", *keywords[:4]]
        for keyword in self.random.sample(names, self.random.randint(1, 3 if depth else 1)):
            found[keyword] = self.value(keyword, depth - 1, kind)
            if keyword == "if":
                found["then"] = self.schema(depth - 1, kind)
                found["else"] = self.schema(depth - 1, kind)
        return found

    def inner(self, depth):
        """Draw the schema of a property or an item."""
        if depth < 0:
            return self.random.choice([True, {"type": "integer"}, {"type": "null"}, {"const": "a"}])
        return self.schema(0, self.random.choice(["number", "string"]))

    def value(self, keyword, depth, kind):
        draw, some, upto = self.random.choice, self.random.sample, self.random.randint
        if keyword in ("allOf", "anyOf", "oneOf"):
            return [self.schema(depth, kind) for _ in range(upto(1, 3))]
        if keyword in ("not", "if"):
            return self.schema(depth, kind)
        if "Length" in keyword or keyword in ("minItems", "maxItems", *COUNTS):
            return upto(0, 3)
        if keyword in KINDS["number"][1][:4]:
            return draw(NUMBERS)
        return {
            "type": lambda: draw(KINDS[kind][0]),
            "enum": lambda: some(VALUES, upto(2, 6)),
            "const": lambda: draw(VALUES),
            "multipleOf": lambda: draw([1, 2, 3, 0.5, 1.5]),
            "pattern": lambda: draw(PATTERNS),
            "prefixItems": lambda: [self.inner(depth) for _ in range(upto(1, 2))],
            "properties": lambda: {n: self.inner(depth) for n in some(NAMES, upto(1, 3))},
            "patternProperties": lambda: {draw(PATTERNS): self.inner(depth)},
            "propertyNames": lambda: draw([{"maxLength": 1}, {"not": {"const": "a"}}]),
            "required": lambda: some(NAMES, upto(1, 2)),
            "dependentRequired": lambda: {draw(NAMES): some(NAMES, upto(1, 2))},
            "dependentSchemas": lambda: {draw(NAMES): self.schema(max(depth, 0), "object")},
            "minProperties": lambda: upto(0, 2),
            "maxProperties": lambda: upto(0, 2),
            "unevaluatedProperties": lambda: False,
            "unevaluatedItems": lambda: draw([False, {"type": "integer"}]),
        }.get(keyword, lambda: self.inner(depth))()


def exact_number(x):
    """Return a fraction, or an integer, which jsonschema would not take a fraction for."""
    return int(x) if x.denominator == 1 else x


def exact(value):
    """Return JSON with fractions instead of floats, as jsonschema compares those exactly."""
    if isinstance(value, float):
        return exact_number(Fraction(value))
    if isinstance(value, list):
        return [exact(v) for v in value]
    return {k: exact(v) for k, v in value.items()} if isinstance(value, dict) else value


def read(text):
    """Return a text as JSON with exact numbers."""
    return json.loads(text, parse_float=lambda x: exact_number(Fraction(x)))


@pytest.mark.parametrize("seed", [4, 5, 6, 9])  # each has found a mistake
def test_texts_of_combined_keywords_are_valid(seed):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    grammar, rng = Grammar(seed), np.random.default_rng(seed)
    compiled = 0
    for _ in range(60):
        schema = grammar.root()
        additional = bool(rng.integers(2))
        try:
            automaton = from_json_schema(schema, VOCABULARY, EOS, additional=additional)
        except ValueError:
            continue  # no text fits, or a keyword is not supported; the messages have their tests
        compiled += 1
        checker = jsonschema.Draft202012Validator(exact(schema))
        for room in (2, 12, 25):
            for data in random_texts(automaton, rng, 3, int(automaton.distance[0]) + room):
                if not re.search(rb"[eE][+-]?[0-9]{3}", data):  # as a fraction it has many digits
                    assert checker.is_valid(read(data)), (schema, data)
    assert compiled >= 20
