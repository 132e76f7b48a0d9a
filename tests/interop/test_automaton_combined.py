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
PATTERNS = ["^a", "b$", "^[ab]+$", "x", "^a$|^x", "^.{0,2}$"]
VALUES = [None, True, 0, 1, -1, 1.5, 3, "", "a", "ab", "x", [], [1], ["a"], {}, {"a": 1}]
NUMBERS = [0, 1, 3, -2, 0.5, -0.5, 2.5, 12]
TYPES = ["null", "boolean", "number", "integer", "string", "array", "object"]


class Grammar:
    """Draws schemas."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        draw, schema = self.random.choice, self.schema
        some, upto = self.random.sample, self.random.randint
        self.keywords = {
            "enum": lambda d: some(VALUES, upto(1, 4)),
            "const": lambda d: draw(VALUES),
            "multipleOf": lambda d: draw([1, 2, 3, 0.5, 1.5]),
            "pattern": lambda d: draw(PATTERNS),
            "prefixItems": lambda d: [schema(d) for _ in range(upto(1, 2))],
            "properties": lambda d: {n: schema(d) for n in some(NAMES, upto(1, 3))},
            "patternProperties": lambda d: {draw(PATTERNS): schema(d)},
            "propertyNames": lambda d: draw([{"maxLength": 1}, {"not": {"const": "a"}}]),
            "required": lambda d: some(NAMES, upto(1, 2)),
            "dependentRequired": lambda d: {draw(NAMES): some(NAMES, upto(1, 2))},
            "dependentSchemas": lambda d: {draw(NAMES): schema(d)},
            "unevaluatedProperties": lambda d: draw([False, schema(d)]),
            "unevaluatedItems": lambda d: draw([False, schema(d)]),
        }
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            self.keywords[keyword] = lambda d: draw(NUMBERS)
        for part in ("Length", "Items", "Properties"):
            for keyword in (f"min{part}", f"max{part}"):
                self.keywords[keyword] = lambda d: upto(0, 3)
        for keyword in ("items", "contains", "additionalProperties", "not", "if", "then", "else"):
            self.keywords[keyword] = lambda d: schema(d)
        for keyword in ("allOf", "anyOf", "oneOf"):
            self.keywords[keyword] = lambda d: [schema(d) for _ in range(upto(1, 3))]
        # Those that combine schemas are drawn more often.
        self.names = [*self.keywords, *2 * ["not", "if", "then", "anyOf", "oneOf", "properties"]]

    def schema(self, depth):
        """Draw a schema of at most a depth."""
        draw = self.random.choice
        if depth == 0:
            simple = [True, {"const": draw(VALUES)}, {"minimum": draw(NUMBERS)}]
            return draw([*simple, {"required": [draw(NAMES)]}, *({"type": t} for t in TYPES)])
        found = {"type": draw(TYPES)} if self.random.random() < 0.6 else {}
        for keyword in self.random.sample(self.names, self.random.randint(1, 4)):
            found[keyword] = self.keywords[keyword](depth - 1)
        return found


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


@pytest.mark.parametrize("seed", range(4))
def test_texts_of_combined_keywords_are_valid(seed):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    grammar, rng = Grammar(seed), np.random.default_rng(seed)
    compiled = 0
    for _ in range(40):
        schema = grammar.schema(3)
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
    assert compiled >= 15
