"""Tokens as text, as soon as they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INCOMPLETE = "\ufffd"


class Transcript:
    """Text that grows token by token.

    What a token adds is found by decoding everything so far: decoders merge bytes, strip the first
    space and join words, so a token alone does not say how it reads. A character whose bytes are
    not all there yet is held back.

    Args:
        tokenizer: a `tokenizers.Tokenizer`.
        prompt: the ids of the prompt.
    """

    def __init__(self, tokenizer: Any, prompt: Sequence[int]):
        self._tokenizer = tokenizer
        self._ids = list(prompt)
        self._shown = self._decoded()
        self.prompt = self._shown

    def add(self, token: int) -> str:
        """Take a token and return the text that became readable with it, perhaps none."""
        self._ids.append(token)
        text = self._decoded()
        readable = text.rstrip(INCOMPLETE)
        new = readable[len(self._shown) :]
        self._shown += new
        return new

    def rest(self) -> str:
        """Return what was held back and never completed."""
        return self._decoded()[len(self._shown) :]

    def _decoded(self) -> str:
        return self._tokenizer.decode(self._ids, skip_special_tokens=True)
