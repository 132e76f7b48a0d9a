"""The text of one token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jaxsample.interop.text._transcript import CONTEXT, Transcript


def name_of(tokenizer: Any, prompt: Sequence[int], token: int) -> str:
    """Return the text that a token adds to a prompt, in quotes, or its name if it adds none.

    Args:
        tokenizer: a `tokenizers.Tokenizer`, or one of transformers that has such a one.
        prompt: the ids before the token.
        token: an id. If the tokenizer does not use it, the result is "unused" and the id.

    Raises:
        ValueError: if the tokenizer is neither of these.

    >>> import jaxsample_models
    >>> tokenizer = jaxsample_models.embedded().tokenizer
    >>> once, upon, *_ = tokenizer.encode("Once upon a time", add_special_tokens=False).ids
    >>> name_of(tokenizer, [once], upon), name_of(tokenizer, [once], 1)
    ('" upon"', '<s>')
    """
    tokenizer = fast(tokenizer)
    stored = tokenizer.id_to_token(token)
    if stored is None:  # models pad their vocabulary to a round number
        return f"unused {token}"
    text = Transcript(tokenizer, list(prompt)[-CONTEXT:]).add(token)
    return json.dumps(text, ensure_ascii=False) if text else stored


def fast(tokenizer: Any) -> Any:
    """Return the `tokenizers.Tokenizer` of a tokenizer.

    Raises:
        ValueError: if it has none.
    """
    found = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(found, "id_to_token"):
        raise ValueError(f"a tokenizers.Tokenizer is needed, got {type(tokenizer).__name__}")
    return found
