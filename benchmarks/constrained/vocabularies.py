"""The vocabularies of schemas.py, by name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from jaxsample.interop import vocabulary_of

BYTES = "bytes"


class Vocabulary(NamedTuple):
    """The bytes of each token, and the token that ends a text."""

    tokens: list[bytes | None]
    eos: int


def vocabulary(name: str) -> Vocabulary:
    """Return all bytes, the tokens of a tokenizer.json, or those of a model.

    Args:
        name: "bytes", the path of a tokenizer.json, or the path or name of a model. The first
            special token ends a text.
    """
    if name == BYTES:
        return Vocabulary([*(bytes([i]) for i in range(256)), None], 256)
    if Path(name).suffix == ".json":
        from tokenizers import Tokenizer

        tokens = vocabulary_of(Tokenizer.from_file(name))
    else:
        import jaxsample_models

        loaded = jaxsample_models.load(name, dtype="bfloat16")
        tokens = vocabulary_of(loaded.tokenizer, loaded.config.vocab_size)
    return Vocabulary(tokens, tokens.index(None))
