"""Requests of an evaluation in batches, which few compiled programs answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxsample.transforms.contract._transform import Transform


class Asked(NamedTuple):
    """One text to draw: the requests of a batch share all but `index` and `ids`."""

    index: int
    ids: list[int]
    until: tuple[str, ...]
    count: int
    sampler: Transform


class Pair(NamedTuple):
    """A continuation to score after its context."""

    index: int
    ids: list[int]
    tokens: list[int]


def batches(asked: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield requests that one program answers, the longest first, so that padding is short."""
    groups: dict[Any, list[Any]] = {}
    for one in asked:
        groups.setdefault(one[2:] if isinstance(one, Asked) else (), []).append(one)
    for group in groups.values():
        group.sort(key=lambda one: -len(one.ids))
        yield from (group[i : i + size] for i in range(0, len(group), size))


def padded(rows: Sequence[list[int]], size: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `size` rows as `[size, N]`, and their lengths `[size]`; an added row has 1.

    N is a power of two, so that few programs are compiled, or `most`, which no row exceeds.
    """
    lengths = np.array([len(row) for row in rows] + [1] * (size - len(rows)), np.int32)
    return _table(rows, (size, _width(lengths.max(), most))), lengths


def parted(
    pairs: Sequence[Pair], size: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the prompts `[size, P]`, lengths, tokens `[size, N]` and counts for `score`.

    A model reads all tokens but the last, so P + N is at most `most` + 1. If a long context stands
    beside a long continuation, the end of the context becomes the beginning of the tokens. So the
    continuation is always the last of the tokens that count.
    """
    wholes = [pair.ids + pair.tokens for pair in pairs]
    width = _width(max(map(len, wholes)) - 1, most) + 1
    count = _width(max(len(pair.tokens) for pair in pairs), width - 1)
    cuts = [min(len(pair.ids), width - count) for pair in pairs]
    prompts = [whole[:cut] for whole, cut in zip(wholes, cuts, strict=True)]
    tokens = [whole[cut:] for whole, cut in zip(wholes, cuts, strict=True)]
    added = size - len(pairs)
    return (
        _table(prompts, (size, width - count)),
        np.array(cuts + [1] * added, np.int32),
        _table(tokens, (size, count)),
        np.array([len(row) for row in tokens] + [0] * added, np.int32),
    )


def _width(longest, most):
    return min(max(16, 1 << int(longest - 1).bit_length()), most)


def _table(rows, shape):
    table = np.zeros(shape, np.int32)
    for i, ids in enumerate(rows):
        table[i, : len(ids)] = ids
    return table
