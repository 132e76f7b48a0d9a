"""Languages and vocabularies."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path

from jaxsample import TokenAutomaton
from jaxsample.interop import from_json_schema, from_regex

STRING = {"type": "string", "maxLength": 40}
ADDRESS = {
    "type": "object",
    "properties": {"street": STRING, "city": STRING, "zip": {"type": "string", "maxLength": 8}},
    "required": ["street", "city"],
    "additionalProperties": False,
}
NESTED = {
    "type": "object",
    "properties": {
        "name": STRING,
        "age": {"type": "integer"},
        "email": {"type": ["string", "null"], "maxLength": 40},
        "address": ADDRESS,
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 4},
        "score": {"type": "number"},
        "kind": {"enum": ["person", "company"]},
        "active": {"type": "boolean"},
    },
    "required": ["name", "age", "address", "tags", "active"],
    "additionalProperties": False,
}
DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
MAIL = r"[a-z0-9._]{1,20}@[a-z0-9]{1,12}(\.[a-z]{2,6}){1,2}"
NUMBERS = r"\[(-?\d{1,6}(,-?\d{1,6}){0,9})?\]"
WORDS = r"( [A-Za-z]+[.,!?]?){5,40}"

Compile = Callable[[list[bytes | None], int], TokenAutomaton]


def _regex(pattern) -> Compile:
    return lambda vocabulary, eos: from_regex(pattern, vocabulary, eos)


def _schema(schema) -> Compile:
    return lambda vocabulary, eos: from_json_schema(schema, vocabulary, eos)


LANGUAGES: dict[str, Compile] = {
    "words": _regex(WORDS),
    "date": _regex(DATE),
    "e-mail": _regex(MAIL),
    "list of numbers": _regex(NUMBERS),
    "string of 40": _schema(STRING),
    "nested objects": _schema(NESTED),
}
# The languages for a vocabulary of whole words, which cannot spell JSON.
OF_WORDS = ("words",)


def source_text(characters: int) -> list[str]:
    """Return source files of Python's standard library, a text that every machine has."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    paths = [p for depth in ("*.py", "*/*.py") for p in sorted(folder.glob(depth))]
    files = []
    for path in paths:
        if characters > 0 and path.parent.name not in ("site-packages", "idlelib"):
            files.append(path.read_text(errors="ignore")[:characters])
            characters -= len(files[-1])
    return files


def byte_pairs(size: int, characters: int = 8_000_000):
    """Train a byte-level BPE of `size` tokens; token 0 ends a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=1,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(source_text(characters), trainer)
    return tokenizer
