"""Constants and alternatives, where the automaton writes less than a schema has: none is wrong."""

import json

import pytest

from jaxsample.interop import from_json_schema
from tests.vocabularies import EOS, VOCABULARY, accepts

DRAFT_4 = {"$schema": "http://json-schema.org/draft-04/schema#"}
NOT_LONG = {"not": {"minLength": 3, "format": "date"}}
NONE_OF = {"minContains": 0, "maxContains": 0}
# For each schema texts that the automaton accepts, texts that it rejects, and of these the invalid.
LANGUAGES = {
    "integers of draft 4": (
        DRAFT_4 | {"type": "integer", "enum": [1.0, 2, 1e20]},
        ["1", "2", "100000000000000000000"],
        [],
        ["1.0", "1e+20"],
    ),
    "one integer of draft 4": (
        DRAFT_4 | {"oneOf": [{"type": "integer"}, {"enum": [1.0]}]},
        ["2"],
        ["1.0"],
        ["1"],
    ),
    "a regular expression": (
        {"enum": ["[", "[a]"], "format": "regex"},
        ['"[a]"'],
        [],
        ['"["'],
    ),
    "host names that are counted": (
        {"enum": [["a--b.com"], [1]], "contains": {"type": "string", "format": "hostname"}}
        | NONE_OF,
        ["[1]"],
        [],
        ['["a--b.com"]'],
    ),
    "items that are counted": (
        {"enum": [["a", "date"], ["a"]], "contains": NOT_LONG, "maxContains": 1},
        ['["a"]'],
        [],
        ['["a","date"]'],
    ),
    "a negation that leaves values out": (
        {"oneOf": [NOT_LONG, {"type": "string", "minLength": 5}]},
        ['"a"'],
        [],
        ['"abcde"'],
    ),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_invalid_text_is_written(name):
    schema, inside, others, outside = LANGUAGES[name]
    automaton = from_json_schema(schema, VOCABULARY, EOS)
    assert all(accepts(automaton, text.encode()) for text in inside)
    assert not any(accepts(automaton, text.encode()) for text in [*others, *outside])
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    checker = kind(schema, format_checker=jsonschema.FormatChecker())
    assert all(checker.is_valid(json.loads(text)) for text in [*inside, *others])
    if name != "host names that are counted":  # needs a package
        assert not any(checker.is_valid(json.loads(text)) for text in outside)


def test_a_constant_beside_a_format_is_not_held_apart():
    schema = {"oneOf": [{"enum": ["a--b.com"]}, {"type": "string", "format": "hostname"}]}
    with pytest.raises(ValueError, match="can't be held apart .* 'format' at #/oneOf/1"):
        from_json_schema(schema, VOCABULARY, EOS)


@pytest.mark.parametrize("pattern", ["(?! ) ?", r"(?<! ) ?"])
def test_white_space_may_have_assertions(pattern):
    schema = {"type": "array", "items": {"type": "null"}}
    automaton = from_json_schema(schema, VOCABULARY, EOS, whitespace=pattern)
    assert accepts(automaton, b"[null,null]")
    with pytest.raises(ValueError, match="spaces, tabs and line ends only"):
        from_json_schema(schema, VOCABULARY, EOS, whitespace=f"{pattern}a?")
