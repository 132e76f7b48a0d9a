"""A small vocabulary with all sorts of awkward tokens, and walks over automata."""

import numpy as np

_WORDS = (
    'the| the|name|":"|,"|":|"}|"},|a"|{"|{"name|\\n|\\u|\\u0|00|\\"|"\\|é|ü"|€|\U0001f600a|12|3.'
    '|e+|-1|true|false|null| null|[]|][|  |2024-|ab|abc|@|.com|xyz |],"|ity|str|age":|kind|a\n'
    "|\x00\x01"
)
# Every byte, words that cross the borders of fields, and tokens that begin or end in a character.
VOCABULARY = [bytes([i]) for i in range(256)]
VOCABULARY += [word.encode() for word in _WORDS.split("|")]
VOCABULARY += [
    "\u20ac".encode()[:2],
    "\U0001f600".encode()[1:],
    b'\xa9"',
    b"a\xc3",
    b"",
    None,
    None,
]
EOS = len(VOCABULARY) - 1

ADDRESS = {
    "type": "object",
    "properties": {
        "street": {"type": "string", "minLength": 1, "maxLength": 40},
        "city": {"type": "string", "maxLength": 40},
        "zip": {"type": "string", "pattern": "^[0-9]{5}$"},
    },
    "required": ["street", "city"],
    "additionalProperties": False,
}
NESTED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer"},
        "email": {"type": ["string", "null"], "maxLength": 40},
        "address": ADDRESS,
        "tags": {
            "type": "array",
            "items": {"type": "string", "maxLength": 12},
            "minItems": 1,
            "maxItems": 4,
        },
        "score": {"type": "number"},
        "kind": {"enum": ["a", "b", "cé"]},
        "ok": {"type": "boolean"},
    },
    "required": ["name", "age", "address", "tags", "ok"],
    "additionalProperties": False,
}


def spelled(tokens):
    """The bytes of tokens up to the first eos, and whether there was one."""
    tokens = np.asarray(tokens).tolist()
    ended = EOS in tokens
    tokens = tokens[: tokens.index(EOS)] if ended else tokens
    return b"".join(VOCABULARY[t] for t in tokens), ended


class Walker:
    """An automaton on the host, a state at a time."""

    def __init__(self, automaton):
        self.classes, self.table, self.distance = (
            np.asarray(leaf) for leaf in (automaton.classes, automaton.table, automaton.distance)
        )
        self.state = 0

    def allowed(self):
        return self.table[self.state][self.classes] >= 0

    def take(self, token):
        self.state = self.table[self.state, self.classes[token]]
        return self.state >= 0


def accepts(automaton, data):
    """Whether an automaton over VOCABULARY accepts bytes, one token each."""
    walker = Walker(automaton)
    return all(walker.take(byte) for byte in data) and bool(walker.allowed()[EOS])


def random_texts(automaton, rng, count, budget):
    """Texts from random walks that a budget ends, longer tokens likelier."""
    found = []
    weights = np.array([1.0 + len(word or b"") ** 2 for word in VOCABULARY])
    for _ in range(count):
        walker, tokens, left = Walker(automaton), [], budget
        while EOS not in tokens:
            after = walker.table[walker.state]
            fits = (after >= 0) & (walker.distance[np.maximum(after, 0)] < left)
            p = weights * fits[walker.classes]
            tokens.append(int(rng.choice(len(p), p=p / p.sum())))
            walker.take(tokens[-1])
            left -= 1
        found.append(spelled(tokens)[0])
    return found
