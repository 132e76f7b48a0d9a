"""The rows of a `Generation` on the host, and their records as tints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer

from jaxsample.drawing._characters import number
from jaxsample.drawing._scales import Scale, even
from jaxsample.drawing._text import Passage, Piece, as_html

if TYPE_CHECKING:
    from jaxsample.decode._generation import Generation

ROWS = 4  # shown if no rows are named
MOST = 1000  # tokens of a row that are shown

_SURE = 0.9, 0.5, 0.1, 0.01
SCALES = {
    "logprobs": Scale("probability under the sampler", _SURE),
    "model_logprobs": Scale("probability under the model", _SURE),
    "entropy": Scale("entropy of the model in nats", (0.1, 0.5, 1.0, 2.0)),
    "kept": Scale("tokens kept", (2, 10, 50, 250)),
    "rank": Scale("rank under the model", (2, 5, 20, 100)),
}
_TOLD = {
    "logprobs": "probability {}",
    "model_logprobs": "under the model {}",
    "entropy": "entropy {} nats",
    "kept": "{} kept",
    "rank": "rank {}",
}
"""A scale for each record, and its words for one token; logprobs are shown as probabilities."""


class Row(NamedTuple):
    """One row of a generation.

    Attributes:
        place: its number among all rows.
        label: its name.
        tokens: `[n]`, without padding.
        numbers: `[n]` for each of its records, in the units of `SCALES`.
        after: how it ended, if there is something to say.
    """

    place: int
    label: str
    tokens: np.ndarray
    numbers: dict[str, np.ndarray]
    after: str


def rows_of(out: Generation, places: Sequence[int] | None = None) -> tuple[list[Row], int]:
    """Read some rows, and return with them how many there are.

    Args:
        out: a generation, with `samples` or without.
        places: the rows; the first ones by default. Row b * G + g is sample g of prompt b.

    Raises:
        ValueError: if there is no such row.
    """
    samples = out.tokens.shape[1] if out.tokens.ndim == 3 else None
    lengths, invalid, model = (_flat(x, 1) for x in (out.lengths, out.invalid, out.invalid_logits))
    tokens, records = _flat(out.tokens, 2), _records(out)
    count = len(tokens)
    places = range(min(ROWS, count)) if places is None else places
    rows = []
    for b in places:
        if not -count <= b < count:
            raise ValueError(f"there is no row {b}; there are {count}")
        b, n = b % count, int(lengths[b])
        label = f"row {b}" if samples is None else f"row {b // samples}, sample {b % samples}"
        after = "" if n else "no tokens"
        if invalid[b]:
            after = f"✕ the {'model' if model[b] else 'sampler'} made an invalid row"
        numbers = {name: values[b, :n] for name, values in records.items()}
        rows.append(Row(b, label, tokens[b, :n], numbers, after))
    return rows, count


def _flat(x, rank):
    x = np.asarray(x)
    return x.reshape(-1, *x.shape[x.ndim - rank + 1 :])


def _records(out):
    found = {}
    for name in ("logprobs", "model_logprobs"):
        if getattr(out, name) is not None:
            found[name] = np.exp(_flat(getattr(out, name), 2))
    for name in ("entropy", "kept"):
        if getattr(out, name) is not None:
            found[name] = _flat(getattr(out, name), 2)
    if out.top is not None:
        same = _flat(out.top.ids, 3) == _flat(out.tokens, 2)[..., None]
        found["rank"] = np.where(same.any(-1), same.argmax(-1) + 1.0, np.inf)
    return found


def passages(
    rows: Sequence[Row],
    by: Any,
    read: Callable[[Row], tuple[str, Sequence[tuple[int, str]]]],
    many: bool,
) -> tuple[list[Passage], Scale | None]:
    """Turn rows into text with tints.

    Args:
        rows: from `rows_of`.
        by: the name of a record; None for the first that there is; or a pair of a name and the
            numbers of all rows.
        read: returns the text before a row, and its pieces: how many tokens, and their text.
        many: whether to write labels.

    Raises:
        ValueError: if the record was not requested.
    """
    scale = _scale(rows, by)
    made = []
    for row in rows:
        before, parts = read(row)
        values = _values(row, by)
        pieces, first = [], 0
        for count, text in parts:
            some = range(first, min(first + count, len(row.tokens)))
            levels = [] if scale is None else [scale.level(float(values[n])) for n in some]
            known = [level for level in levels if level is not None]
            told = " · ".join(_told(row, n, by) for n in some)
            pieces.append(Piece(text, max(known, default=None), told))
            first += count
        more = len(row.tokens) - first
        after = f"… {more:,} more tokens" if more > 0 else row.after
        made.append(Passage(row.label if many else "", before, pieces, after))
    return made, scale


def _scale(rows, by):
    if isinstance(by, tuple):
        name, _ = by
        values = [_values(row, by) for row in rows]
        return even(name, (float(x) for row in values for x in row))
    there = rows[0].numbers if rows else {}
    if by is not None and by not in there:
        if by not in SCALES:
            raise ValueError(
                f"by takes {', '.join(map(repr, SCALES))} or (name, values), got {by!r}"
            )
        record = "('top', n)" if by == "rank" else repr(by)
        raise ValueError(f"by={by!r} needs generate(.., record=({record},))")
    name = by or next(iter(there), None)
    return None if name is None else SCALES[name]


def _values(row, by):
    """Return the numbers of a row that are tinted, `[n]`; NaN where there is none."""
    if not isinstance(by, tuple):
        name = by or next(iter(row.numbers), None)
        return row.numbers[name] if name else np.full(len(row.tokens), np.nan)
    name, values = by
    try:
        given = np.asarray(values[row.place], np.float64)[: len(row.tokens)]
    except (IndexError, TypeError, ValueError):
        given = np.zeros(0)
    if given.shape != (len(row.tokens),):
        raise ValueError(
            f"by: {name} needs a number for each of the {len(row.tokens)} tokens of {row.label}"
        )
    return given


def _told(row, n, by):
    words = [f"token {int(row.tokens[n])}"]
    for name, values in row.numbers.items():
        x = float(values[n])
        shown = "not among the recorded" if np.isinf(x) else number(x)
        words.append(_TOLD[name].format(shown))
    if isinstance(by, tuple):
        words.append(f"{by[0]} {number(float(_values(row, by)[n]))}")
    return ", ".join(words)


def ids_as_html(out: Generation) -> str | None:
    """Return a picture of the token ids of the first rows; None if they cannot be read here."""
    arrays = jax.tree.leaves(out._replace(decoding=None))
    if out.tokens is None or not all(map(_is_here, arrays)):
        return None
    rows, count = rows_of(out)
    many = count > 1
    made, scale = passages(rows, None, _ids, many)
    remark = "These are ids; jaxsample.show.tint(out, tokenizer) shows the text."
    return as_html(made, scale, f"{len(rows)} of {count} rows. {remark}" if many else remark)


def _ids(row):
    return "", [(1, f"{token} ") for token in row.tokens[:MOST].tolist()]


def _is_here(x):
    if isinstance(x, np.ndarray):
        return True
    if not isinstance(x, jax.Array) or isinstance(x, Tracer):
        return False
    return not x.is_deleted() and x.is_fully_addressable
