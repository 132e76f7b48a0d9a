"""The bytes of each token of a tokenizer."""

from __future__ import annotations

import json
import re
from typing import Any

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def vocabulary_of(
    tokenizer: Any, size: int | None = None, *, special: bool = False
) -> list[bytes | None]:
    """Return the bytes that each token adds to the text.

    The entry is None for special tokens, for ids without a token, and for added tokens whose bytes
    the tokenizer's decoder does not show. The entries are bytes because
    a token may end inside a character. This function decodes the letters of byte-level BPE,
    `<0xNN>` for single bytes, and "▁" for a space, also where the tokenizer's decoder would drop it
    at the start of a text.

    Args:
        tokenizer: a `tokenizers.Tokenizer`, or a fast tokenizer of transformers.
        size: the number of tokens of the model, if it has more than the tokenizer.
        special: whether special tokens have the bytes of their names, as `stop_strings` needs.

    Raises:
        ValueError: if the tokenizer's decoder joins tokens in an unknown way, or `size` is too
            small.

    >>> from tokenizers import Tokenizer, decoders, models
    >>> tokenizer = Tokenizer(models.BPE({"a": 0, "Ġb": 1}, []))
    >>> tokenizer.decoder = decoders.ByteLevel()
    >>> vocabulary_of(tokenizer, size=3)
    [b'a', b' b', None]
    """
    tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(tokenizer, "to_str"):
        raise ValueError(f"a tokenizers.Tokenizer is needed, got {type(tokenizer).__name__}")
    described = json.loads(tokenizer.to_str())
    ids = tokenizer.get_vocab(with_added_tokens=True)
    count = max(ids.values()) + 1
    room = count if size is None else size
    if room < count:
        raise ValueError(f"the tokenizer has {count} tokens, more than size {size}")
    spell = _speller(described.get("decoder"))
    found: list[bytes | None] = [None] * room
    for token, i in ids.items():
        found[i] = spell(token)
    model = described.get("model", {})
    for unknown in (ids.get(model.get("unk_token")), model.get("unk_id")):
        if unknown is not None:
            found[unknown] = None
    for added in described.get("added_tokens") or ():
        i, content = added["id"], added["content"]
        if added["special"]:
            found[i] = content.encode() if special else None
        elif not _decodes(tokenizer.decoder, content, spell(content)):
            found[i] = None
    return found


def _decodes(decoder, token, spelled):
    """Whether the tokenizer's decoder adds these bytes for an added token after other text."""
    beside = decoder.decode(["a", token, "a"])
    return beside == f"a{spelled.decode(errors='replace')}a"


def _speller(decoder):
    """Return the function from a token to its bytes."""
    steps = _steps(decoder)
    kinds = [step["type"] for step in steps]
    for kind in kinds:
        if kind not in ("ByteLevel", "Metaspace", "Replace", "ByteFallback", "Fuse", "Strip"):
            raise ValueError(
                f"the decoder {kind} joins tokens in a way that is not supported; give the "
                "vocabulary as a list with the bytes of each token"
            )
    if "ByteLevel" in kinds:
        letters = {letter: byte for byte, letter in enumerate(_letters())}
        return lambda token: _by_letters(token, letters)
    pairs = [("▁", " ")] if "Metaspace" in kinds else []
    for step in steps:
        if step["type"] == "Metaspace":
            pairs = [(step.get("replacement", "▁"), " ")]
        elif step["type"] == "Replace":
            pairs.append((step["pattern"].get("String"), step["content"]))
    if any(old is None for old, _ in pairs):
        raise ValueError("a decoder that replaces by regular expression is not supported")

    def spell(token):
        byte = BYTE.fullmatch(token) if "ByteFallback" in kinds else None
        if byte:
            return bytes([int(byte[1], 16)])
        for old, new in pairs:
            token = token.replace(old, new)
        return token.encode()

    return spell


def _steps(decoder):
    if decoder is None:
        raise ValueError("the tokenizer has no decoder, so the bytes of its tokens are not known")
    if decoder["type"] != "Sequence":
        return [decoder]
    return [step for part in decoder["decoders"] for step in _steps(part)]


def _by_letters(token, letters):
    if any(c not in letters for c in token):
        return token.encode()  # an added token, which is not written in these letters
    return bytes(letters[c] for c in token)


def _letters():
    """Return the letters that byte-level BPE uses for the bytes 0..255.

    Bytes that are visible characters of Latin-1 stay these characters. The others get the letters
    from 256 on.
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(others)) for byte in range(256)]
