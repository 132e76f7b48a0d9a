"""Keywords that restrict values: the texts that an automaton accepts are valid, and no others."""

import json

import numpy as np
import pytest

from jaxsample.interop import from_json_schema
from tests.vocabularies import EOS, VOCABULARY, accepts, random_texts

AB = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}}
# For each schema the texts that the automaton accepts, and texts that it rejects.
LANGUAGES = {
    "anything": (
        {},
        ["null", "-1.5e3", '"a"', '[1,["a",{"b":1}]]', '{"a":{"b":{}}}'],
        ["nul", "[1,]", '{"a":{"b":{"c":{}}}}'],
    ),
    "no type": (
        {"minLength": 2, "minimum": 3, "maxItems": 1},
        ['"ab"', "3", "[1]", "{}", "true"],
        ['"a"', "2", "[1,1]"],
    ),
    "integers in a range": (
        {"type": "integer", "minimum": -12, "exclusiveMaximum": 205},
        ["-12", "-9", "0", "9", "99", "204"],
        ["-13", "-20", "205", "1000", "1.0", "00"],
    ),
    "numbers in a range": (
        {"type": "number", "exclusiveMinimum": -0.25, "maximum": 12.5},
        ["-0.2", "-0.249", "0", "12.5", "12.50", "12.499", "7", "3.0"],
        ["-0.25", "-0.250", "-0.3", "-1", "12.51", "13", "1e9"],
    ),
    "integers and their negation in oneOf": (
        {"oneOf": [{"type": "integer"}, {"type": ["integer", "string"]}]},
        ['"a"'],
        ["9.5", "9", "9.0"],
    ),
    "integers beside their negation": (
        {"type": ["integer", "null"], "not": {"type": "integer"}},
        ["null"],
        ["1.5", "1"],
    ),
    "enumerated integers beside their negation": (
        {"enum": [1, 1.5, None], "type": ["integer", "null"], "not": {"type": "integer"}},
        ["null"],
        ["1.5", "1"],
    ),
    "a condition that holds of all integers": (
        {"type": "integer", "if": {"type": "integer"}, "then": {"maximum": 3}},
        ["1", "3"],
        ["1.9", "4"],
    ),
    "integers that are counted": (
        {"type": "array", "items": {"type": "integer"}}
        | {"contains": {"type": "integer"}, "maxContains": 1},
        ["[1]"],
        ["[1,2.5]", "[1,2]", "[]"],
    ),
    "integers of 64 bits": (
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        ["0", "-9223372036854775808", "9223372036854775807", "1000000000000000000"],
        ["-9223372036854775809", "9223372036854775808", "10000000000000000000"],
    ),
    "negative integers of 30 digits": (
        {"type": "integer", "minimum": -(10**30) - 1, "maximum": -(10**30) + 1},
        ["-1" + "0" * 29 + "1", "-" + "9" * 30],
        ["-1" + "0" * 29 + "2", "-" + "9" * 29 + "8"],
    ),
    "all but a negative integer of 30 digits": (
        {"type": "integer", "not": {"const": -(10**30) - 1}},
        ["-1" + "0" * 30],
        ["-1" + "0" * 29 + "1"],
    ),
    "large enumerated multiples": (
        {"enum": [1e30, 0.015, 0.02], "multipleOf": 0.01},
        ["1e+30", "0.02"],
        ["0.015"],
    ),
    "numbers near an excluded one": (
        {"type": "number", "not": {"const": 1}},
        ["2", "1.00000000000001", "100000000000000000000"],
        ["1.00000000000000000001", "1", "1.0"],
    ),
    "broken numbers": (
        {"type": "number", "not": {"type": "integer"}},
        ["1.5", "-0.25"],
        ["1.00000000000000000001", "1.0", "2"],
    ),
    "long multiples": (
        {"type": "number", "multipleOf": 3},
        ["-9", "10909090522912998"],
        ["10909090522913001.00", "9.5"],
    ),
    "numbers above the integers of float64": (
        {"type": "number", "exclusiveMinimum": 9007199254740992},
        ["9007199254740993"],
        ["9007199254740992.1", "9007199254740992"],
    ),
    "numbers above a small one": (
        {"type": "number", "minimum": 1e-300, "maximum": 1.5e-299},
        ["0." + "0" * 298 + "1", "0." + "0" * 299 + "1"],
        ["0", "0." + "0" * 298 + "2", "0." + "0" * 299 + "09"],
    ),
    "numbers of 32 bits": (
        {"type": "number", "minimum": -3.4028235e38, "maximum": 3.4028235e38},
        ["0.5", "-340282350000000000000000000000000000000.0", "9" * 38],
        ["340282350000000000000000000000000000001", "9" * 39],
    ),
    "numbers of 15 digits": (
        {"type": "number", "minimum": 0, "exclusiveMaximum": 1e15},
        ["999999999999999", "0.5", "1000"],
        ["1000000000000000", "-1"],
    ),
    "numbers of 64 bits": (
        {"type": "number", "minimum": -1.797e308, "maximum": 1.797e308},
        ["0.5", "-1796" + "0" * 305, "9" * 308],
        ["1798" + "0" * 305],
    ),
    "long integers": (
        {"type": "integer", "minimum": 2**900 // 7, "maximum": 2**902 // 7},
        [str(2**900 // 7), str(2**902 // 7), str(2**901 // 7)],
        [str(2**900 // 7 - 1), str(2**902 // 7 + 1), "0"],
    ),
    "multiples": (
        {"type": "number", "multipleOf": 0.25, "minimum": 0},
        ["0", "0.5", "10.750", "3"],
        ["0.1", "0.05", "10.7", "-0.5"],
    ),
    "integers that are multiples": (
        {"type": "integer", "multipleOf": 7},
        ["0", "-14", "700"],
        ["1", "-15"],
    ),
    "pattern and lengths": (
        {"type": "string", "pattern": "^[ab]+$", "minLength": 2, "maxLength": 3},
        ['"ab"', '"bab"'],
        ['"a"', '"abab"', '"ac"'],
    ),
    "date": (
        {"type": "string", "format": "date"},
        ['"2024-02-29"', '"1999-12-31"', '"2000-02-29"'],
        ['"2023-02-29"', '"1900-02-29"', '"2024-04-31"', '"2024-13-01"'],
    ),
    "email": (
        {"type": "string", "format": "email", "maxLength": 255},
        ['"a.b+c@mail.cs.ox.ac.uk"', '"a@b"'],
        ['"a"', '"a@"', '".a@b.c"', '"a@-b.c"', '"a@' + "b" * 63 + '"'],
    ),
    "time": (
        {"type": "string", "format": "date-time"},
        ['"2024-02-29T23:59:60Z"', '"1999-12-31T00:00:00.5+01:00"'],
        [
            '"2024-02-29"',
            '"2023-02-29T10:00:00Z"',
            '"2024-01-01T24:00:00Z"',
            '"2024-01-01T10:00:00"',
        ],
    ),
    "ipv6": (
        {"type": "string", "format": "ipv6"},
        ['"::"', '"1::"', '"::ffff:10.0.0.1"', '"1:2:3:4:5:6:7:8"', '"1:2:3::5:6:7:8"'],
        ['"1:2:3:4:5:6:7"', '"::1::"', '"1:2:3:4:5:6:7:8:9"', '"12345::"'],
    ),
    "unique": (
        {"type": "array", "items": {"enum": ["a", 1, 1.0]}, "uniqueItems": True},
        ["[]", '["a",1]', '[1,"a"]'],
        ["[1,1]", '["a","a"]', '["a",1,1.0]'],
    ),
    "prefix": (
        {"type": "array", "prefixItems": [{"const": 1}, {"type": "null"}], "items": False},
        ["[]", "[1]", "[1,null]"],
        ["[null]", "[1,null,1]"],
    ),
    "contains": (
        {"type": "array", "items": {"enum": [1, 2, 3]}, "contains": {"const": 2}, "maxItems": 3},
        ["[2]", "[1,2,3]", "[3,3,2]"],
        ["[]", "[1,3]", "[1,1,1,2]"],
    ),
    "other properties": (
        {"properties": {"ab": {"const": 1}}, "additionalProperties": {"type": "null"}}
        | {"type": "object"},
        ['{"ab":1}', '{"abc":null}', '{"ab":1,"a":null,"x":null}', "{}"],
        ['{"ab":null}', '{"x":1}', '{"x":null,"ab":1}'],
    ),
    "named by patterns": (
        {
            "type": "object",
            "patternProperties": {"^x": {"type": "null"}, "y$": {"enum": [None, 1]}},
            "additionalProperties": False,
        },
        ['{"x":null}', '{"ay":1}', '{"xy":null}'],
        ['{"xy":1}', '{"a":null}', '{"x":1}'],
    ),
    "required and not listed": (
        {"type": "object", "required": ["z"], "additionalProperties": {"type": "null"}},
        ['{"z":null}', '{"z":null,"a":null}'],
        ["{}", '{"a":null}'],
    ),
    "counted": (
        AB | {"minProperties": 1, "maxProperties": 1},
        ['{"a":1}', '{"b":null}'],
        ["{}", '{"a":1,"b":null}'],
    ),
    "all": (
        {"allOf": [AB, {"required": ["b"], "properties": {"a": {"minimum": 3}}}]},
        ['{"b":null}', '{"a":3,"b":null}'],
        ['{"a":3}', '{"a":2,"b":null}'],
    ),
    "beside anyOf": (
        AB | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ['{"a":1}', '{"b":null}', '{"a":1,"b":null}'],
        ["{}"],
    ),
    "overlapping oneOf": (
        AB | {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ['{"a":1}', '{"b":null}'],
        ["{}", '{"a":1,"b":null}'],
    ),
    "not": (
        {"type": ["string", "integer"], "not": {"enum": ["ab", 12]}},
        ['"a"', '"abc"', "1", "123"],
        ['"ab"', "12"],
    ),
    "if": (
        AB | {"if": {"properties": {"a": {"maximum": 0}}}, "else": {"required": ["b"]}},
        ["{}", '{"a":0}', '{"a":1,"b":null}'],
        ['{"a":1}'],
    ),
    "dependent": (
        AB | {"dependentRequired": {"a": ["b"]}},
        ["{}", '{"b":null}', '{"a":1,"b":null}'],
        ['{"a":1}'],
    ),
    "dependent and not listed": (
        {"type": "object", "dependentRequired": {"a": ["b"]}, "not": {"required": ["c"]}},
        ["{}", '{"x":1}', '{"b":1}'],
        ['{"a":1}', '{"a":1,"x":1}', '{"c":1}'],
    ),
    "unevaluated of a schema": (
        {"properties": {"b": True}, "unevaluatedProperties": {"type": "integer"}}
        | {"type": "object"},
        ["{}", '{"b":null}', '{"b":[],"x":1}', '{"x":1}'],
        ['{"x":null}'],
    ),
    "no number of members": (
        {"anyOf": [{"type": "object", "minProperties": 3, "maxProperties": 2}, {"type": "null"}]},
        ["null"],
        ["{}", '{"a":1,"b":1,"c":1}'],
    ),
    "unevaluated": (
        {"allOf": [AB], "properties": {"c": {"const": 1}}, "unevaluatedProperties": False},
        ['{"c":1,"a":1,"b":null}', "{}"],
        ['{"d":1}'],
    ),
    "a negated oneOf evaluates nothing": (
        {"not": {"oneOf": [{"properties": {"a": True}}, {"required": ["a"]}]}}
        | {"type": ["object", "null"], "unevaluatedProperties": False},
        ["null"],
        ['{"a":1}', '{"b":1}', "{}"],
    ),
    "a condition that fails evaluates nothing": (
        {
            "type": "object",
            "if": {"oneOf": [{"$ref": "#/$defs/a"}, {"required": ["a"]}]},
            "then": {"maxProperties": 1},
            "properties": {"b": {"const": 1}},
            "unevaluatedProperties": False,
            "$defs": {"a": {"properties": {"a": True}}},
        },
        ['{"b":1}', "{}"],
        ['{"a":1}', '{"b":1,"a":1}'],
    ),
    "draft 4": (
        {"type": "array", "items": [{"type": "number", "minimum": 1, "exclusiveMinimum": True}]}
        | {"additionalItems": False},
        ["[2]", "[]"],
        ["[1]", "[2,2]"],
    ),
    "items that break a schema": (
        {"type": "array", "maxItems": 2, "not": {"items": {"type": "integer"}}},
        ["[null]", "[1,null]", "[null,2]", "[1.5]"],
        ["[]", "[1]", "[1,2]"],
    ),
    "first items that break a schema": (
        {"type": "array", "not": {"prefixItems": [{"const": 1}, True], "items": {"const": 2}}},
        ["[2]", "[1,2,3]"],
        ["[]", "[1]", "[1,5,2]"],
    ),
    "items that are counted wrongly": (
        {"type": "array", "items": {"enum": [1, 2]}}
        | {"not": {"contains": {"const": 1}, "minContains": 2, "maxContains": 3}},
        ["[]", "[2]", "[1,2]", "[1,1,1,1]"],
        ["[1,1]", "[1,2,1,1]"],
    ),
    "names that break a schema": (
        {"type": "object", "not": {"propertyNames": {"maxLength": 1}}},
        ['{"ab":1}'],
        ["{}", '{"a":1}'],
    ),
    "members that break a schema": (
        {"type": "object", "additionalProperties": {"enum": [1, "a"]}}
        | {
            "not": {
                "patternProperties": {"^x": {"type": "string"}},
                "additionalProperties": {"type": "integer"},
            }
        },
        ['{"x":1}', '{"b":"a"}'],
        ["{}", '{"x":"a"}', '{"b":1}', '{"x":"a","b":1}'],
    ),
    "names that depend on others, denied": (
        {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 1}}}
        | {"not": {"dependentRequired": {"a": ["b"]}}},
        ['{"a":1}'],
        ["{}", '{"a":1,"b":1}', '{"b":1}'],
    ),
    "items that a contains evaluates": (
        {"type": "array", "prefixItems": [{"const": 1}], "contains": {"const": "a"}}
        | {"unevaluatedItems": {"type": "null"}},
        ['[1,"a"]', '[1,null,"a",null]'],
        ["[1]", '[1,"a",2]', "[1,null]"],
    ),
    "items that nested contains evaluate": (
        {"type": "array", "maxItems": 3, "items": {"enum": [2, 3, 4, 5]}}
        | {"allOf": [{"contains": {"multipleOf": 2}}, {"contains": {"multipleOf": 3}}]}
        | {"unevaluatedItems": False},
        ["[2,3]", "[3,4,2]", "[2,5,3]"],
        ["[2]", "[3,5]"],
    ),
    "a dynamic reference to the whole document": (
        {
            "$id": "http://a.org/tree",
            "$dynamicAnchor": "node",
            "type": "object",
            "properties": {"v": {"const": 1}, "next": {"$ref": "base"}},
            "additionalProperties": False,
            "$defs": {
                "base": {"$id": "base", "$dynamicRef": "#node"}
                | {"$defs": {"any": {"$dynamicAnchor": "node", "type": "null"}}}
            },
        },
        ['{"v":1,"next":{"v":1}}', "{}"],
        ['{"next":null}', '{"v":2}'],
    ),
    "a dynamic reference to the only anchor": (
        {"type": "array", "items": {"$dynamicRef": "#a"}}
        | {"$defs": {"a": {"$dynamicAnchor": "a", "const": 1}}},
        ["[1,1]", "[]"],
        ["[2]"],
    ),
    "different integers between bounds": (
        {"type": "array", "uniqueItems": True, "minItems": 2}
        | {"items": {"type": "integer", "minimum": 1, "exclusiveMaximum": 6, "multipleOf": 2}},
        ["[2,4]", "[4,2]"],
        ["[2]", "[2,2]", "[2,6]", "[1,2]"],
    ),
    "a whole number with a fraction": (
        {"enum": [-2.0, 1.5]},
        ["-2.0", "-2", "1.5"],
        ["2", "1", "-2.00"],
    ),
    "regular expressions": (
        {"type": "string", "format": "regex", "minLength": 1},
        [json.dumps(x) for x in (r"^\d{2,3}-[a-z]+\.$", "(a|b)*?c|d", "[^a-z_]{0,12}")],
        [json.dumps(x) for x in ("(", "a**", "[z-a]", "a{3,2}", "a)", "[]", "\\")],
    ),
    "references": (
        {
            "$id": "http://a.org/b.json",
            "type": "array",
            "prefixItems": [{"$ref": "#/$defs/a%25~1"}, {"$ref": "c.json"}, {"$ref": "#d"}],
            "minItems": 3,
            "items": False,
            "$defs": {
                "a%/": {"const": 1},
                "c": {"$id": "c.json", "$ref": "#/$defs/x", "$defs": {"x": {"const": 2}}},
                "d": {"$anchor": "d", "const": 3},
            },
        },
        ["[1,2,3]"],
        ["[1,2]", "[2,2,3]"],
    ),
}
DRAFTS = {"draft 4": "Draft4Validator"}


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_texts_of_keywords(name):
    schema, inside, outside = LANGUAGES[name]
    automaton = from_json_schema(schema, VOCABULARY, EOS)
    for text in inside:
        json.loads(text)
        assert accepts(automaton, text.encode()), text
    for text in outside:
        assert not accepts(automaton, text.encode()), text
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    kind = getattr(jsonschema, DRAFTS.get(name, "Draft202012Validator"))
    checker = kind(schema, format_checker=jsonschema.FormatChecker())
    rng, budget = np.random.default_rng(2), int(automaton.distance[0]) + 30
    for text in [*map(str.encode, inside), *random_texts(automaton, rng, 15, budget)]:
        checker.validate(json.loads(text))


def test_unknown_keywords_pass_with_one_warning():
    schema = {"type": "object", "x-kubernetes": 1, "properties": {"a": {"self": {}, "const": 1}}}
    with pytest.warns(UserWarning, match="'x-kubernetes', 'self'") as found:
        automaton = from_json_schema(schema, VOCABULARY, EOS)
    assert len(found) == 1 and accepts(automaton, b'{"a":1}')
    with pytest.warns(UserWarning, match="'x-self'"):
        from_json_schema({"type": "null", "not": {"type": "array", "x-self": 1}}, VOCABULARY, EOS)
    with pytest.warns(UserWarning, match="format 'int32'"):
        from_json_schema({"type": "string", "format": "int32"}, VOCABULARY, EOS)


def test_other_properties_are_written_where_asked():
    for additional in (False, True):
        automaton = from_json_schema(AB, VOCABULARY, EOS, additional=additional)
        assert accepts(automaton, b'{"a":1}')
        assert accepts(automaton, b'{"a":1,"ab":[1]}') == additional
        assert not accepts(automaton, b'{"b":1}')


def test_a_long_string_compiles():
    automaton = from_json_schema({"type": "string", "maxLength": 500}, VOCABULARY, EOS)
    assert accepts(automaton, b'"' + b"a" * 500 + b'"')
    assert not accepts(automaton, b'"' + b"a" * 501 + b'"')


def test_a_reference_inside_two_negations_keeps_its_address():
    inner = {"$id": "http://x/y", "$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}
    schema = {"$defs": {"a": {"type": "string"}}, "not": {"not": inner}}
    automaton = from_json_schema(schema, VOCABULARY, EOS)  # jsonschema forgets the $id here
    assert accepts(automaton, b"1") and not accepts(automaton, b'"a"')
