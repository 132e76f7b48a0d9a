"""The tokenizer of worked sums: one token for each digit, sign and plan."""

from __future__ import annotations

from typing import Any

from ._sums import BOS, SPECIAL, UNK, VOCABULARY


def make_tokenizer() -> Any:
    """Make the `tokenizers.Tokenizer` of worked sums. Encoding puts `<s>` in front.

    Raises:
        ImportError: tokenizers is not installed.

    >>> tokenizer = make_tokenizer()
    >>> tokenizer.encode("47+38+29=left:85,14").tokens[-6:]
    ['left:', '8', '5', ',', '1', '4']
    >>> tokenizer.decode(tokenizer.encode("47+38+29=left:85,14").ids)
    '47+38+29=left:85,14'
    """
    try:
        from tokenizers import (
            AddedToken,
            Regex,
            Tokenizer,
            decoders,
            models,
            pre_tokenizers,
            processors,
        )
    except ImportError as error:
        raise ImportError(
            "the tokenizer of sums needs tokenizers: pip install 'jaxsample[models]'"
        ) from error
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL[UNK]))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z]+:|."), behavior="isolated")
    begin = SPECIAL[BOS]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, BOS)]
    )
    tokenizer.decoder = decoders.Fuse()
    return tokenizer
