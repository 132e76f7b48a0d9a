"""Masks of automata, compared with llguidance along random walks."""

import json

import numpy as np
import pytest

from jaxsample.interop import from_json_schema, from_regex
from tests.vocabularies import EOS, NESTED, VOCABULARY, Walker

llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed")
pytestmark = pytest.mark.peers


class Words:
    eos_token_id, bos_token_id = EOS, None
    # It allows only special tokens to have no bytes.
    special_token_ids = [i for i, word in enumerate(VOCABULARY) if not word]
    tokens = [word or b"<%d>" % i for i, word in enumerate(VOCABULARY)]

    def __call__(self, text):
        return list(text if isinstance(text, bytes) else text.encode())


TOKENIZER = llguidance.LLTokenizer(
    llguidance.TokenizerWrapper(Words()), n_vocab=len(VOCABULARY), slices=[]
)


def their_mask(matcher):
    if matcher.compute_ff_bytes():  # where bytes are forced, its mask has a single token for them
        valid = [matcher.validate_tokens([token]) == 1 for token in range(len(VOCABULARY))]
        return np.array(valid)
    bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
    return np.unpackbits(bits, bitorder="little")[: len(VOCABULARY)].astype(bool)


def judge(grammar, automaton, walks=12, steps=60):
    rng = np.random.default_rng(0)
    # Longer tokens are likelier, and the end comes now and then.
    weights = np.array([1.0 + len(word or b"") ** 2 for word in VOCABULARY])
    for _ in range(walks):
        matcher = llguidance.LLMatcher(TOKENIZER, grammar, log_level=0)
        assert not matcher.is_error(), matcher.get_error()
        walker, tokens = Walker(automaton), []
        for _ in range(steps):
            mine = walker.allowed()
            differ = np.flatnonzero(mine != their_mask(matcher))
            assert not differ.size, (tokens, [VOCABULARY[t] for t in differ])
            p = weights * mine
            token = int(rng.choice(len(p), p=p / p.sum()))
            if token == EOS:
                break
            tokens.append(VOCABULARY[token])
            assert walker.take(token) and matcher.consume_token(token)


# In llguidance \d, \w and \s are Unicode classes, so the patterns list the characters.
PATTERNS = [
    "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "(a|bc)*d?",
    r'"[^"\\\x00-\x1f]{0,40}"',
    r"[a-z0-9._]{1,16}@[a-z]{2,8}\.(com|org)",
    "(é|ü|€)+[^a-c]*x",
    "(true|false|null| *)",
    ".{0,30}x",
    "(ab|a|abc){2,9}c?",
    "[^a]*",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_masks_of_regular_expressions(pattern):
    grammar = llguidance.LLMatcher.grammar_from_regex(pattern)
    judge(grammar, from_regex(pattern, VOCABULARY, EOS))


LINK = {"v": {"type": "integer"}, "n": {"$ref": "#/$defs/n"}}
PAIR = {"a": {"type": "integer"}, "b": {"type": "null"}, "c": {"type": "string"}}
SCHEMAS = {
    "string": {"type": "string"},
    "length": {"type": "string", "minLength": 2, "maxLength": 5},
    "pattern": {"type": "string", "pattern": '^[a-c"\n]+$'},
    "pattern somewhere": {"type": "string", "pattern": "a.b|^x"},
    "number": {"type": "number"},
    "types": {"type": ["integer", "null", "string"]},
    "array": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3},
    "open array": {"type": "array", "items": {"type": "boolean"}},
    "optional": {"type": "object", "properties": PAIR},
    "required": {"type": "object", "properties": PAIR, "required": ["b"]},
    "enum": {"enum": ["ab", "abc", 12, None, [1, {"a": 2}], {"x": []}, 'é\n"']},
    "anyOf": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
    "oneOf": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    "reference": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/p"}, "b": {"$ref": "#/$defs/p"}},
        "required": ["a"],
        "$defs": {"p": {"type": "object", "properties": PAIR, "required": ["a"]}},
    },
    "nested": NESTED,
}


def closed(schema):
    """Return the schema without other properties in any object, which llguidance allows."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(part) for key, part in schema.items()}
    return found | ({"additionalProperties": False} if found.get("type") == "object" else {})


@pytest.mark.parametrize("space", ["", r"[ \n]?"], ids=["compact", "spaced"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_masks_of_schemas(name, space):
    how = {"whitespace_pattern": space} if space else {"whitespace_flexible": False}
    grammar = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps(closed(SCHEMAS[name])), overrides=how
    )
    judge(grammar, from_json_schema(SCHEMAS[name], VOCABULARY, EOS, whitespace=space))
