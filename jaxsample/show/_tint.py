"""The text of a generation, each token tinted by one of its numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxsample.decode._generation import Generation
from jaxsample.decode._pictured import MOST, passages, rows_of
from jaxsample.drawing._picture import Picture
from jaxsample.drawing._scales import Scale
from jaxsample.drawing._text import Passage, as_html, as_svg
from jaxsample.interop.text._transcript import INCOMPLETE, Transcript
from jaxsample.show._names import fast

BEFORE = 300  # characters of a prompt that are shown


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TintedText(Picture):
    """Texts whose tokens are tinted; `tint` makes one.

    A notebook shows it with tints, and a terminal shows only the text. `save` writes the picture.
    Hovering over a token shows its numbers.

    Attributes:
        passages: the text of each row.
        scale: the edges of the tints, or None if there is no record.
        remark: which rows are shown.

    >>> import jaxsample_models
    >>> from jaxsample.show import tint
    >>> model, params, tokenizer, *_ = jaxsample_models.embedded()
    >>> prompts = jnp.array([tokenizer.encode("Once upon a time").ids])
    >>> out = generate(jax.random.key(0), model, params, prompts, TopK(1), max_new_tokens=6)
    >>> tint(out, tokenizer, prompts=prompts)
    Once upon a time there was a girl named Ella
    """

    passages: Sequence[Passage]
    scale: Scale | None
    remark: str

    def _title(self):
        return "Text" if self.scale is None else f"Text tinted by {self.scale.title}"

    def _repr_html_(self):
        return as_html(self.passages, self.scale, self.remark)

    def _drawn(self):
        return as_svg(self.passages, self.scale, self.remark)

    def __repr__(self):
        parts = []
        for passage in self.passages:
            text = passage.before + "".join(piece.text for piece in passage.pieces)
            text += f" ({passage.after})" if passage.after else ""
            parts.append(f"{passage.label}: {text}" if passage.label else text)
        return "\n\n".join(parts)


def tint(
    out: Generation,
    tokenizer: Any,
    by: Any = None,
    *,
    prompts: Any = None,
    lengths: ArrayLike | None = None,
    rows: int | Sequence[int] | None = None,
) -> TintedText:
    """Return the texts of a generation, each token tinted by one of its numbers.

    Five tints go from none, where the model was sure, to the darkest. Several tokens that make one
    character share the tint of the least sure of them.

    Args:
        out: from `generate` or `resume`.
        tokenizer: a `tokenizers.Tokenizer`, or one of transformers that has such a one.
        by: the name of a record of `generate`: "logprobs" or "model_logprobs" (both shown as
            probabilities), "entropy", "kept", or "rank", which needs the record `("top", n)`. By
            default it is the first of these that `out` holds. Or a pair of a name and numbers:
            `[B, N]`, or a list of `[length]`, such as `("temperature", temperatures(..))` with
            `temperatures` from `jaxsample.study`.
        prompts: `[B, P]` or a list of ids for each row: what stands before the text.
        lengths: `[B]`, the lengths of padded prompts.
        rows: one or several rows, in the order of `out.decoding`; the first four by default.

    Raises:
        ValueError: if a record or a row is missing, or numbers do not fit the tokens.

    >>> import jaxsample_models
    >>> from jaxsample.show import tint
    >>> model, params, tokenizer, *_ = jaxsample_models.embedded()
    >>> prompts = jnp.array([tokenizer.encode("Once upon a time").ids])
    >>> out = generate(jax.random.key(0), model, params, prompts, TopK(1), max_new_tokens=6,
    ...                record=("model_logprobs",))
    >>> passage, = tint(out, tokenizer, prompts=prompts).passages
    >>> [(piece.text, piece.level) for piece in passage.pieces][3:]
    [(' girl', 1), (' named', 0), (' Ella', 3)]
    """
    places = [rows] if isinstance(rows, int) else rows
    found, count = rows_of(out, places)
    tokenizer = fast(tokenizer)
    samples = out.tokens.shape[1] if out.tokens.ndim == 3 else 1
    ends = None if lengths is None else np.asarray(lengths)

    def read(row):
        prompt = []
        if prompts is not None:
            prompt = np.asarray(prompts[row.place // samples]).tolist()
            prompt = prompt if ends is None else prompt[: ends[row.place // samples]]
        before, pieces = text_of(tokenizer, prompt, row.tokens[:MOST].tolist())
        return (before if len(before) <= BEFORE else f"…{before[-BEFORE:]}"), pieces

    made, scale = passages(found, by, read, many=count > 1)
    remark = f"{len(found)} of {count} rows" if len(found) < count else ""
    return TintedText(tuple(made), scale, remark)


def text_of(tokenizer: Any, prompt: Sequence[int], tokens: Sequence[int]) -> tuple[str, list]:
    """Return the text of a prompt, and pairs of how many tokens, and what they add to it.

    Tokens that complete no character belong to the next. A special token has its name.
    """
    transcript = Transcript(tokenizer, prompt)
    pieces, waiting = [], 0
    for token in tokens:
        waiting += 1
        text = transcript.add(token)
        if not text and INCOMPLETE not in tokenizer.decode([token], skip_special_tokens=True):
            text = tokenizer.id_to_token(token) or f"unused {token}"
        if text:
            pieces.append((waiting, text))
            waiting = 0
    if waiting:
        pieces.append((waiting, transcript.rest() or INCOMPLETE))
    return transcript.prompt, pieces
