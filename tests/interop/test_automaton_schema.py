"""JSON schemas: all written texts are valid, and unsupported keywords are errors."""

import json

import numpy as np
import pytest

from jaxsample.interop import from_json_schema
from tests.vocabularies import EOS, NESTED, VOCABULARY, accepts, random_texts

LINK = {
    "type": "object",
    "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/link"}},
    "required": ["v"],
}
TREE = {
    "type": "object",
    "properties": {"v": {"type": "boolean"}, "of": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["v", "of"],
}
KINDS = [
    {
        "type": "object",
        "properties": {"kind": {"const": kind}, kind: {"type": "null"}},
        "required": ["kind"],
    }
    for kind in ("circle", "square")
]
STRING = {"type": "string", "minLength": 1, "maxLength": 3}
PAIR = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}}
# For each schema the texts that the automaton accepts, and texts that it rejects.
LANGUAGES = {
    "string": (
        STRING,
        ['"a"', '"\u20ac😀é"', r'"\n\"\\"', r'"\u0000\u001f\u007f"', '"\u2028/"'],
        ['""', '"abcd"', '"a', '"\n"', '"\x7f"', r'"\x"', r'"\u00e9"', r'"\/"', "a", r'"\u00"'],
    ),
    "pattern": (
        {"type": "string", "pattern": '^[a-c"]+\\s?$'},
        ['"a"', r'"\"b\n"', '"c "'],
        ['""', '"d"', '"a"b"', '"xa"'],
    ),
    "pattern somewhere": (
        {"type": "string", "pattern": "b.|^x$"},
        ['"x"', '"abc"', r'"\nb\\"', '"b€"'],
        ['"xx"', '"b"', r'"b\n"'],
    ),
    "integer": (
        {"type": "integer"},
        ["0", "-0", "10", "-987654321987654321"],
        ["01", "1.0", "1e3", "+1", "-"],
    ),
    "number": (
        {"type": "number"},
        ["0", "-1.50", "1e5", "2.5E-10", "0.0e+0"],
        [".5", "1.", "1e", "01", "NaN", "0x1"],
    ),
    "types": ({"type": ["boolean", "null"]}, ["true", "false", "null"], ["True", "0", "nul"]),
    "enum": (
        {"enum": [1, 1.5, "é", None, True, [1, {"a": "b"}], {}]},
        ["1", "1.5", '"é"', "null", "true", '[1,{"a":"b"}]', "{}"],
        ["2", "false", "1.0", '[1, {"a":"b"}]', "[]"],
    ),
    "enum of a type": ({"type": "string", "enum": ["a", 1]}, ['"a"'], ["1"]),
    "const": ({"const": {"a": [1, 2]}}, ['{"a":[1,2]}'], ["{}", '{"a":[1]}']),
    "array": (
        {"type": "array", "items": {"enum": [1, 2]}, "minItems": 1, "maxItems": 3},
        ["[1]", "[2,1]", "[1,1,2]"],
        ["[]", "[1,]", "[1,1,1,1]", "[3]", "[1 ]"],
    ),
    "open array": (
        {"type": "array", "items": {"type": "null"}, "minItems": 2},
        ["[null,null]", "[" + "null," * 30 + "null]"],
        ["[null]"],
    ),
    "no items": ({"type": "array", "maxItems": 0}, ["[]"], ["[1]"]),
    "optional": (
        PAIR,
        ["{}", '{"a":1}', '{"b":null}', '{"a":1,"b":null}'],
        ['{"b":null,"a":1}', '{,"a":1}', '{"a":1,}', '{"c":1}', '{"a":null}'],
    ),
    "required": (
        PAIR | {"required": ["b"], "additionalProperties": False},
        ['{"b":null}', '{"a":1,"b":null}'],
        ["{}", '{"a":1}'],
    ),
    "names": (
        {"type": "object", "properties": {'a"\n': {"const": 1}}, "required": ['a"\n']},
        [r'{"a\"\n":1}'],
        ['{"a":1}'],
    ),
    "anyOf": (
        {"anyOf": [{"type": "integer"}, {"const": 1}, {"type": "array", "items": {"const": 1}}]},
        ["1", "7", "[1]", "[]"],
        ["[7]", '"1"'],
    ),
    "oneOf": (
        {"oneOf": KINDS},
        ['{"kind":"circle"}', '{"kind":"square","square":null}'],
        ['{"kind":"circle","square":null}', "{}"],
    ),
    "reference": (
        {"$ref": "#/$defs/link", "$defs": {"link": LINK}, "title": "a note", "$comment": "x"},
        ['{"v":1}', '{"v":1,"next":{"v":2,"next":{"v":3,"next":{"v":4}}}}'],
        ['{"v":1,"next":{"v":2,"next":{"v":3,"next":{"v":4,"next":{"v":5}}}}}', '{"next":{"v":1}}'],
    ),
    "root": (
        TREE,
        ['{"v":true,"of":[]}', '{"v":true,"of":[{"v":true,"of":[]},{"v":false,"of":[]}]}'],
        ['{"v":true}'],
    ),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_texts_of_a_schema(name):
    schema, inside, outside = LANGUAGES[name]
    automaton = from_json_schema(schema, VOCABULARY, EOS)
    for text in inside:
        json.loads(text)
        assert accepts(automaton, text.encode()), text
    for text in outside:
        assert not accepts(automaton, text.encode()), text


@pytest.mark.parametrize("name", [*LANGUAGES, "nested"])
def test_every_text_written_in_tokens_is_valid(name):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = NESTED if name == "nested" else LANGUAGES[name][0]
    checker = jsonschema.Draft202012Validator(schema)
    for space in ("", r"[ \t\n]{0,2}"):
        automaton = from_json_schema(schema, VOCABULARY, EOS, whitespace=space)
        budget = int(automaton.distance[0]) + 40
        for data in random_texts(automaton, np.random.default_rng(2), 20, budget):
            checker.validate(json.loads(data))


def test_the_output_of_json_dumps_is_accepted():
    value = {
        "name": 'A "quoted"\\ \n\t\b name €😀\x7f',
        "age": -3,
        "email": None,
        "address": {"street": "x" * 40, "city": "", "zip": "01234"},
        "tags": ["", "ü" * 12],
        "score": 1.5e-10,
        "kind": "cé",
        "ok": True,
    }
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    written = written.replace("\x7f", r"\u007f")  # json.dumps does not escape this character
    assert accepts(from_json_schema(NESTED, VOCABULARY, EOS), written.encode())
    spaced = from_json_schema(NESTED, VOCABULARY, EOS, whitespace=r"[ \n]*")
    for layout in ({"indent": 2}, {}, {"separators": (" , ", " :\n ")}):
        written = json.dumps(value, ensure_ascii=False, **layout).replace("\x7f", r"\u007f")
        assert accepts(spaced, written.encode())


def test_depth_bounds_recursion():
    schema = {"$ref": "#/$defs/link", "$defs": {"link": LINK}}
    for depth in (0, 1, 5):
        automaton = from_json_schema(schema, VOCABULARY, EOS, depth=depth)
        for links in (depth, depth + 1):
            text = '{"v":1,"next":' * links + '{"v":1}' + "}" * links
            assert accepts(automaton, text.encode()) == (links <= depth)
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    with pytest.raises(ValueError, match="no text fits the schema, recursive to depth 3"):
        from_json_schema(endless, VOCABULARY, EOS)


ERRORS = [
    ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "'uniqueItems' at #"),
    ({"items": {"minimum": 1, "type": "integer"}, "uniqueItems": True}, "or integers between"),
    ({"items": {"$dynamicRef": "#a"}}, "'$dynamicRef' at #/items points nowhere"),
    (
        {"$dynamicRef": "a#x"}
        | {"$defs": {a: {"$id": a, "$dynamicAnchor": "x", "type": "null"} for a in ("a", "b")}},
        "'$dynamicRef' at # is not supported: it may point to #/$defs/a, #/$defs/b",
    ),
    (
        {"$schema": "https://json-schema.org/draft/2019-09/schema"}
        | {"contains": {"type": "null"}, "unevaluatedItems": False},
        "'unevaluatedItems' at # is not supported with 'contains' of draft 2019-09",
    ),
    ({"type": "object", "properties": {"a": {"not": {"format": "date"}}}}, "'not' of the keyword"),
    ({"type": "array", "not": {"const": []}}, "'not' of a constant array at #"),
    ({"type": "number", "multipleOf": 12345}, "'multipleOf' 12345"),
    (
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-15},
        "the number at #: only numbers of more than 15 digits fit",
    ),
    ({"type": "number", "minimum": "3"}, "'minimum' at # must be a number, got '3'"),
    ({"allOf": []}, "'allOf' at # must be a list of"),
    ({"anyOf": []}, "'anyOf' at # must be a list of"),
    ({"type": "object", "minProperties": 3}, "'minProperties' at #"),
    ({"type": "string", "minLength": 5, "maxLength": 4}, "no text fits the schema"),
    ({"type": "string", "maxLength": -1}, "'maxLength' at # must be a whole number"),
    ({"type": "string", "maxLength": True}, "'maxLength' at # must be a whole number"),
    ({"type": "string", "pattern": "(?>a)"}, "the pattern at #: (?> is not supported"),
    ({"pattern": "(a|b)*a(a|b){20}", "minLength": 2}, "states beside other keywords"),
    ({"type": "number", "minimum": float("inf")}, "'minimum' at # must be a number, got inf"),
    ({"type": "number", "maximum": float("nan")}, "'maximum' at # must be a number, got nan"),
    ({"type": "string", "maxLength": float("inf")}, "'maxLength' at # must be a whole number"),
    ({"type": "string", "maxLength": float("nan")}, "'maxLength' at # must be a whole number"),
    ({"type": "date"}, "got 'date'"),
    ({"type": []}, "'type' at # must be a name or a list"),
    ({"type": "object", "required": True}, "'required' at # must be a list of names, got True"),
    ({"items": 3}, "must be an object, got 3 at #/items"),
    ({"$ref": "http://x"}, "'$ref' at # must be a place in the schema"),
    ({"$ref": "#/$defs/a"}, "points nowhere: '#/$defs/a'"),
    ({"$ref": "#a"}, "'$ref' at # points nowhere: '#a'"),
    ({"$ref": "#"}, "refers to itself"),
    ({"oneOf": [{"type": "string"}, {"type": "string", "format": "date"}]}, "'oneOf' at #"),
    ({"enum": [float("nan")]}, "JSON cannot write nan at #/enum/0"),
    ({"not": {"const": [float("inf")]}}, "JSON cannot write inf at #/not/const/0"),
    ({"enum": [{1}]}, "JSON cannot write {1} at #/enum/0"),
    ({"properties": {1: True}}, "a name at #/properties must be a text, got 1"),
    ({"patternProperties": {None: True}}, "a name at #/patternProperties must be a text, got None"),
    ({"type": "object", "maxProperties": 10**9}, "'maxProperties' is too large"),
    (
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}
        | {"$ref": "#/$defs/a"},
        "#/$defs/a refers to itself",
    ),
    ({"enum": []}, "no text fits the schema"),
    (False, "no text fits the schema"),
    ({"enum": ["\ud800"]}, "JSON cannot write '\\ud800'"),
    ({"type": "object", "properties": {"\ud800": True}}, "JSON cannot write '\\ud800'"),
    ({"required": [1]}, "'required' at # must be a list of names, got [1]"),
    ({"required": [["a"]]}, "'required' at # must be a list of names, got [['a']]"),
    ({"dependentRequired": {"a": [1]}}, "'dependentRequired' at # must be a dict of lists"),
    ({"contains": {}, "minContains": "a"}, "'minContains' at # must be a whole number"),
    ({"not": {"minLength": "3"}}, "'minLength' at #/not must be a whole number"),
    ({"not": {"allOf": 3}}, "'allOf' at #/not must be a list"),
    ({"not": {"required": 3}}, "'required' at #/not must be a list"),
    ({"not": {"type": 3}}, "'type' at #/not must be a name"),
    ({"not": {"properties": 3}}, "'properties' at #/not must be a dict"),
    ({"not": {"oneOf": 3}}, "'oneOf' at #/not must be a list"),
    ({"not": {"$dynamicRef": "#x"}}, "'$dynamicRef' at #/not points nowhere"),
    ({"not": {"extends": {}}}, "keyword 'extends' at #/not is not supported"),
]


@pytest.mark.parametrize("schema, words", ERRORS, ids=range(len(ERRORS)))
def test_an_unsupported_keyword_is_named(schema, words):
    with pytest.raises(ValueError) as error:
        from_json_schema(schema, VOCABULARY, EOS)
    assert words in str(error.value)


def test_a_schema_that_is_nested_too_deep_is_an_error():
    schema = {}
    for _ in range(1000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(ValueError, match="at # is nested too deep"):
        from_json_schema(schema, VOCABULARY, EOS)


def test_flexible_white_space_is_all_of_json():
    schema = {"type": "array", "items": {"type": "object", "required": ["a"]}}
    automaton = from_json_schema(schema, VOCABULARY, EOS, whitespace="flexible")
    assert accepts(automaton, b'[\r\n\t { "a"  :1},{"a":\n2,"b":[ ]\t} ]')
    assert not accepts(automaton, b'[ {"a":1 2}]') and not accepts(automaton, b" []")


def test_white_space_is_that_of_json():
    with pytest.raises(ValueError, match="spaces, tabs and line ends only"):
        from_json_schema({"type": "null"}, VOCABULARY, EOS, whitespace=r"\s*")


@pytest.mark.parametrize(
    "schemas",
    [
        [{"type": "integer"}, {"type": "number"}],
        [{"type": "integer"}, {"type": "string"}, {"type": ["null", "array"], "items": STRING}],
        [{"const": 1}, {"const": True}, {"const": "1"}, {"const": [1]}, {"const": [True]}],
        KINDS,
        [{"enum": [1, 2]}, {"anyOf": [{"const": 3}, {"type": "null"}]}],
        [{"const": {}}, {"type": "array", "items": STRING}],
    ],
)
def test_schemas_may_be_one_of(schemas):
    from_json_schema({"oneOf": schemas}, VOCABULARY, EOS)


def test_schemas_that_need_themselves_may_be_one_of():
    node = {"required": ["of"], "type": "object", "properties": {"of": {"$ref": "#/$defs/node"}}}
    schema = {"oneOf": [{"$ref": "#/$defs/node"}, {"$ref": "#/$defs/node"}, {"type": "null"}]}
    automaton = from_json_schema(schema | {"$defs": {"node": node}}, VOCABULARY, EOS)
    assert accepts(automaton, b"null")
