"""Decode tokens to text while they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxsample.interop.text._stops import begun, first, listed

INCOMPLETE = "\ufffd"
CONTEXT = 48  # tokens that are decoded again with every new one
PATIENCE = 16  # tokens after which bytes that complete no character are no longer waited for


class Transcript:
    """Text that grows token by token, in time linear in its length.

    The text of a token depends on those before it: decoders merge bytes, strip the first space and
    join words. So each token is decoded together with the last few. A character is held back until
    all of its bytes are there. Bytes that cannot become one are written as the tokenizer's decoder
    writes them, each or several as U+FFFD. What was returned is never taken back.

    Args:
        tokenizer: a `tokenizers.Tokenizer`.
        prompt: the ids of the prompt.
        stop: strings that end the text. It is cut before the string, and what may be the begin of
            one is held back.

    Raises:
        ValueError: if a stop string is empty.

    Attributes:
        prompt: the text of the prompt, without bytes at its end that complete no character.
        stopped: whether the text holds a stop string. Nothing is added after it.

    >>> import jaxsample_models
    >>> tokenizer = jaxsample_models.embedded().tokenizer
    >>> first, *rest = tokenizer.encode("Once upon a time", add_special_tokens=False).ids
    >>> text = Transcript(tokenizer, [first])
    >>> text.prompt, [text.add(token) for token in rest]
    ('Once', [' upon', ' a', ' time'])
    """

    def __init__(self, tokenizer: Any, prompt: Sequence[int] = (), stop: Sequence[str] = ()):
        self._tokenizer = tokenizer
        self._stop = listed(stop)
        self._ids = list(prompt)
        self._text = self._decoded(self._ids)
        self.prompt = self._text.rstrip(INCOMPLETE)
        self._read = len(self.prompt)  # how much of the text was taken up
        self._held = ""  # taken up, but it may begin a stop string
        self.stopped = False
        self._limit = 2 * CONTEXT
        self._waiting = 0  # tokens since the text last ended with a whole character
        self._shorten()

    def add(self, token: int) -> str:
        """Add a token and return the text that it completes, which may be empty."""
        if self.stopped:
            return ""
        self._ids.append(int(token))
        self._text = self._decoded(self._ids)
        whole = len(self._text.rstrip(INCOMPLETE))
        self._waiting = 0 if whole == len(self._text) else self._waiting + 1
        given_up = self._waiting > PATIENCE
        new = self._taken(len(self._text) - PATIENCE if given_up else whole)
        if len(self._ids) > self._limit and (given_up or not self._waiting):
            self._shorten()
        return self._past_stops(new, last=False)

    def rest(self) -> str:
        """Return the text that is still held back."""
        return "" if self.stopped else self._past_stops(self._taken(len(self._text)), last=True)

    def _taken(self, end):
        new = self._text[self._read : end]
        self._read = max(self._read, end)
        return new

    def _past_stops(self, new, last):
        text = self._held + new
        found = first(text, self._stop)
        if found is not None:
            self.stopped, self._held = True, ""
            return text[:found]
        kept = 0 if last else begun(text, self._stop)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def _shorten(self):
        """Forget old tokens, at a place where the rest alone is decoded to the same text."""
        unread = len(self._text) - self._read
        for start in range(max(len(self._ids) - CONTEXT, 0), 0, -1):
            text = self._decoded(self._ids[start:])
            if len(text) > unread and self._text.endswith(text):
                self._ids = self._ids[start:]
                self._text, self._read = text, len(text) - unread
                self._limit = 2 * CONTEXT
                return
            if len(self._ids) - start > 2 * CONTEXT:
                break
        self._limit = max(2 * CONTEXT, 2 * len(self._ids))

    def _decoded(self, ids):
        return self._tokenizer.decode(ids, skip_special_tokens=True)
