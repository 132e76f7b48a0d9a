"""References and identifiers of JSON schemas, in the draft that the schema names."""

import json

import numpy as np
import pytest

from jaxsample.interop import from_json_schema
from tests.vocabularies import EOS, VOCABULARY, accepts, random_texts

DRAFT_4, DRAFT_7 = (f"http://json-schema.org/draft-0{n}/schema#" for n in (4, 7))
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
HERE, OLD_HERE = {"$ref": "#/$defs/a"}, {"$ref": "#/definitions/a"}
# For each schema the texts that the automaton accepts, and texts that it rejects.
LANGUAGES = {
    "keywords beside a reference": (
        {"$schema": DRAFT_7, "definitions": {"a": {"type": "string"}}}
        | {"items": {"$ref": "#/definitions/a", "minLength": 3}, "type": "array"},
        ['["a"]'],
        ["[1]"],
    ),
    "an identifier beside a reference": (
        {"$schema": DRAFT_7, "definitions": {"a": INTEGER}, "type": "array"}
        | {"items": {"$id": "http://x/y", "$ref": "#/definitions/a", "definitions": {"a": STRING}}},
        ["[1]"],
        ['["a"]'],
    ),
    "an anchor under an urn": (
        {
            "$defs": {
                "a": {"$anchor": "foo"} | STRING,
                "b": {"$id": "urn:x", "$ref": "#foo", "$defs": {"c": {"$anchor": "foo"} | INTEGER}},
            },
            "$ref": "#/$defs/b",
        },
        ["1"],
        ['"a"'],
    ),
    "a property called default": (
        {"$defs": {"a": STRING}, "required": ["default"]}
        | {"properties": {"default": {"$id": "http://x/y", "$defs": {"a": INTEGER}} | HERE}},
        ['{"default":1}'],
        ['{"default":"a"}'],
    ),
    "a definition called const": (
        {"$defs": {"const": {"$anchor": "foo"} | INTEGER}, "$ref": "#foo"},
        ["1"],
        ['"a"'],
    ),
    "an id of draft 4 in a newer one": (
        {
            "$defs": {
                "x": {"id": "http://e/other", "$defs": {"a": STRING}} | HERE,
                "a": INTEGER,
            },
            "$ref": "#/$defs/x",
        },
        ["1"],
        ['"a"'],
    ),
    "an id of draft 4": (
        {
            "$schema": DRAFT_4,
            "definitions": {
                "x": {"id": "http://e/x", "definitions": {"a": STRING}, "items": OLD_HERE},
                "a": INTEGER,
            },
            "allOf": [{"$ref": "#/definitions/x"}, {"type": "array"}],
        },
        ['["a"]'],
        ["[1]"],
    ),
}


@pytest.mark.filterwarnings("ignore:the schema has keywords")
@pytest.mark.parametrize("name", LANGUAGES)
def test_references_are_resolved_as_the_draft_has_it(name):
    schema, inside, outside = LANGUAGES[name]
    automaton = from_json_schema(schema, VOCABULARY, EOS)
    assert all(accepts(automaton, text.encode()) for text in inside)
    assert not any(accepts(automaton, text.encode()) for text in outside)
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    checker = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)(schema)
    rng, budget = np.random.default_rng(0), int(automaton.distance[0]) + 10
    for text in [*map(str.encode, inside), *random_texts(automaton, rng, 5, budget)]:
        checker.validate(json.loads(text))


@pytest.mark.parametrize(
    "schema, words",
    [
        (
            {"$schema": DRAFT_7, "definitions": {"a": STRING}, "type": "string"}
            | {"not": {"$ref": "#/definitions/a", "minLength": 3}},
            "no text fits the schema",
        ),
        (
            {"$defs": {"a": {"$anchor": "foo"} | STRING, "b": {"$id": "urn:x", "$ref": "#foo"}}}
            | {"$ref": "urn:x"},
            "'$ref' at #/$defs/b points nowhere: '#foo'",
        ),
    ],
)
def test_what_no_value_fits_is_an_error(schema, words):
    with pytest.raises(ValueError) as error:
        from_json_schema(schema, VOCABULARY, EOS)
    assert words in str(error.value)
