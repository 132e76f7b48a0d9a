"""Settings that hold strings, as the token ids that a tokenizer makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jaxsample.interop.automaton._vocabulary import vocabulary_of
from jaxsample.interop.settings._values import is_whole, named, number, token_id
from jaxsample.interop.text._text import Text

LONGEST = 40  # bytes of a sequence breaker; llama.cpp cuts longer ones


def texts(tokenizer: Any, need: str) -> Text:
    """Return the text of a tokenizer; ValueError says which setting needs one."""
    if tokenizer is None:
        raise ValueError(f"{need}; give tokenizer=")
    return tokenizer if isinstance(tokenizer, Text) else Text(tokenizer)


def bias_of_ids(bias: Mapping[Any, float], tokenizer: Any) -> dict[int, float]:
    """Return a bias whose keys are token ids, written as numbers, or the text of one token.

    Raises:
        ValueError: if a text is not exactly one token, or there is no tokenizer for it.
    """
    if not isinstance(bias, Mapping):
        raise ValueError(f"logit_bias must be an object, got {bias!r}")
    found: dict[int, float] = {}
    for token, value in bias.items():
        if isinstance(token, str) and not is_whole(token):
            ids = texts(tokenizer, f"logit_bias holds the text {token!r}").encode(
                token, special=False
            )
            if len(ids) != 1:
                raise ValueError(
                    f"logit_bias: {token!r} is {len(ids)} tokens; bias their ids {ids}"
                )
            token = ids[0]
        if isinstance(value, bool):
            raise ValueError(f"logit_bias: the bias of {token!r} must be a number, got {value!r}")
        with named("logit_bias"):
            found[token_id(token)] = number(value)
    return found


def word_sequences(words: Iterable[str], tokenizer: Any) -> list[list[int]]:
    """Return the token sequences of words, each with and without a space before it, as in vLLM."""
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"bad_words must be a list of texts, got {words!r}")
    found: list[list[int]] = []
    for word in words:
        text = texts(tokenizer, "bad_words holds strings")
        plain = text.encode(word.lstrip(), special=False)
        spaced = text.encode(" " + word.lstrip(), special=False)
        if not plain:
            raise ValueError(f"bad_words: {word!r} has no token")
        found.append(plain)
        if len(spaced) == len(plain) and spaced[0] != plain[0]:
            found.append(spaced)
    return found


def words_of(sequences: list[list[int]], tokenizer: Any) -> list[str]:
    """Return the words whose token sequences, in vLLM, are the given ones.

    Raises:
        ValueError: if there are none, or there is no tokenizer.
    """
    text = texts(tokenizer, "bad_words holds strings")
    words: list[str] = []
    found: list[list[int]] = []
    for sequence in sequences:
        if sequence not in found:
            words.append(text.decode(sequence, special=True))
            found += word_sequences(words[-1:], text)
    if found != sequences:
        raise ValueError(f"bad_words={words!r} are the tokens {found}, not {sequences}")
    return words


def breaker_sequences(strings: Iterable[str], tokenizer: Any) -> list[list[int]]:
    """Return the token sequences that contain one of some strings, as llama.cpp finds them.

    They are every token that contains the string, and every token that ends in the string's
    beginning, followed by the tokens of its rest.
    """
    text = texts(tokenizer, "dry_sequence_breakers holds strings")
    spelled = vocabulary_of(text.tokenizer, special=True)
    found: dict[tuple[int, ...], None] = {}
    for string in strings:
        whole = string.encode()
        if not 0 < len(whole) <= LONGEST:
            raise ValueError(
                f"dry_sequence_breakers: a string has 1 to {LONGEST} bytes, got {string!r}"
            )
        for token, word in enumerate(spelled):
            if word is None:
                continue
            if whole in word:
                found[(token,)] = None
                continue
            for size in range(1, min(len(whole), len(word) + 1)):
                if word.endswith(whole[:size]):
                    rest = whole[size:].decode(errors="replace")
                    found[(token, *text.encode(rest, special=False))] = None
    return [list(sequence) for sequence in found]
