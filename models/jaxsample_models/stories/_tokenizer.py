"""The tokenizer of the stories: one token for each word."""

from __future__ import annotations

from typing import Any

from ._compiler import SPACE, SPECIAL, TEXT
from ._grammar import Grammar


def make_tokenizer(grammar: Grammar) -> Any:
    """Make the `tokenizers.Tokenizer` of the stories.

    A word and the space before it are one token, so decoding joins tokens. Encoding puts `<s>` in
    front and turns words that are in no story into `<unk>`.

    Raises:
        ImportError: tokenizers is not installed.

    >>> tokenizer = make_tokenizer(Grammar())
    >>> tokenizer.encode("A funny story. Once upon a time").tokens
    ['<s>', '▁A', '▁funny', '▁story', '.', '▁Once', '▁upon', '▁a', '▁time']
    >>> tokenizer.decode(tokenizer.encode('said softly, "Try some honey." The end.').ids)
    'said softly, "Try some honey." The end.'
    """
    try:
        from tokenizers import (
            AddedToken,
            Regex,
            Tokenizer,
            decoders,
            models,
            normalizers,
            pre_tokenizers,
            processors,
        )
    except ImportError as error:
        raise ImportError(
            "the story tokenizer needs tokenizers: pip install 'jaxsample[models]'"
        ) from error
    ids = {token: i for i, token in enumerate(grammar.vocabulary)}
    pad, bos, eos, unknown = SPECIAL
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=unknown))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always", split=False),
            pre_tokenizers.Split(Regex(TEXT), behavior="isolated"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, ids[bos])]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always", split=False)
    return tokenizer
