"""The judge of JSON schemas tries the orders of properties and the texts of numbers."""

import pytest

from benchmarks.constrained.suites import Judge
from benchmarks.constrained.vocabularies import BYTES, Vocabulary, vocabulary
from jaxsample.interop import from_json_schema

VOCABULARY = vocabulary(BYTES)
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "integer"},
        "b": {"type": "array", "items": {"type": "null"}},
        "c": {"const": "é"},
        "d": {"type": "number", "maximum": 2},
    },
    "required": ["c"],
    "additionalProperties": {"type": "boolean"},
}


@pytest.mark.parametrize(
    "value, accepted",
    [
        ({"z": True, "d": 1e-3, "c": "é", "b": [None], "y": False, "a": 1.0}, True),
        ({"c": "é", "d": 3}, False),
        ({"a": 1, "b": []}, False),
        ({"c": "é", "z": 1}, False),
        ({"c": "é", "a": 1.5}, False),
        ([], False),
    ],
)
def test_a_value_is_accepted_in_any_order(value, accepted):
    judge = Judge(from_json_schema(SCHEMA, *VOCABULARY), VOCABULARY)
    assert judge.accepts(value) == accepted


def test_bytes_are_judged_in_a_larger_vocabulary():
    words = [None, b'":', b"\x00\x01", *(bytes([i]) for i in reversed(range(128))), b"", b"true"]
    larger = Vocabulary(words, 0)
    judge = Judge(from_json_schema({"type": "string"}, *larger), larger)
    assert judge.accepts("true") and not judge.accepts("é") and not judge.accepts(1)
