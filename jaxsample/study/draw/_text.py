"""Decode tokens to text while they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INCOMPLETE = "\ufffd"


class Transcript:
    """Text that grows token by token.

    Decoders merge bytes, strip the first space and join words, so the text of a token depends on
    the tokens before it. Therefore each token is decoded together with all tokens so far. A
    character is held back until all of its bytes are there.

    Args:
        tokenizer: a `tokenizers.Tokenizer`.
        prompt: the ids of the prompt.

    Attributes:
        prompt: the text of the prompt.

    >>> import jaxsample_models
    >>> tokenizer = jaxsample_models.embedded().tokenizer
    >>> first, *rest = tokenizer.encode("Once upon a time", add_special_tokens=False).ids
    >>> text = Transcript(tokenizer, [first])
    >>> text.prompt, [text.add(token) for token in rest]
    ('Once', [' upon', ' a', ' time'])
    """

    def __init__(self, tokenizer: Any, prompt: Sequence[int]):
        self._tokenizer = tokenizer
        self._ids = list(prompt)
        self._shown = self._decoded()
        self.prompt = self._shown

    def add(self, token: int) -> str:
        """Add a token and return the text that it completes, which may be empty."""
        self._ids.append(token)
        text = self._decoded()
        readable = text.rstrip(INCOMPLETE)
        new = readable[len(self._shown) :]
        self._shown += new
        return new

    def rest(self) -> str:
        """Return the text of the bytes that are still held back."""
        return self._decoded()[len(self._shown) :]

    def _decoded(self) -> str:
        return self._tokenizer.decode(self._ids, skip_special_tokens=True)
