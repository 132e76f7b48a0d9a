"""Texts that a model has read, kept between requests; a new text is read where it differs."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import jax
import numpy as np

import jaxsample
from jaxsample import Allow, Decoding

if TYPE_CHECKING:
    from jaxsample.study import Source

K = TypeVar("K", bound=tuple)
V = TypeVar("V")

SMALLEST = 512  # positions of a cache; it doubles for longer texts
LONG, MIDDLE, SHORT = 512, 128, 16  # tokens that are read at a time, each with its own program
CACHES = 2**30  # bytes of all caches that are kept; the last two are kept in any case
ROWS = 2**28  # bytes of all rows of logits that are kept


class _Kept(Generic[K, V]):
    """Values of which the oldest are dropped.

    Args:
        most: bytes of all values and their keys.
        fewest: so many values are kept in any case.
    """

    def __init__(self, most: int, fewest: int):
        self.values: OrderedDict[K, V] = OrderedDict()
        self._most, self._fewest, self._size = most, fewest, 0

    def put(self, key: K, value: V) -> None:
        """Keep a value as the newest; the time does not depend on how many are kept."""
        if key in self.values:
            self._size -= _size(key, self.values.pop(key))
        self.values[key] = value
        self._size += _size(key, value)
        while len(self.values) > self._fewest and self._size > self._most:
            self._size -= _size(*self.values.popitem(last=False))


def _size(key: tuple, value: Any) -> int:
    return 8 * len(key) + sum(x.nbytes for x in jax.tree.leaves(value))


class Row(NamedTuple):
    """The model's output after a text.

    Attributes:
        logits: `[V]` float32.
        hidden: `[D]`, or None if the model returns none.
    """

    logits: np.ndarray
    hidden: Any


class Reader:
    """A model that reads each text once. Threads may share it.

    Args:
        source: the model.
    """

    def __init__(self, source: Source):
        self.source = source
        self._model, self._params = source.checkpoint.model, source.checkpoint.params
        unembed = self._model.unembed
        self._unembed = None if unembed is None else jax.jit(unembed)
        self._lock = threading.Lock()
        self._decodings: _Kept[tuple[int, tuple[int, ...]], Decoding] = _Kept(CACHES, 2)
        self._rows: _Kept[tuple[int, ...], Row] = _Kept(ROWS, 1)
        self._left: deque[tuple[Sequence[int], Decoding]] = deque()

    def slots(self, length: int) -> int:
        """Return the positions of a cache for a text of `length` tokens."""
        wanted = max(SMALLEST, 1 << (length - 1).bit_length())
        return min(wanted, self.source.context)

    def read(self, ids: Sequence[int], room: int = 1) -> Generator[int, None, Decoding]:
        """Read a text piece by piece; yield how many tokens are read, and return a decoding `[1]`.

        The decoding has logits, and the state of no sampler.

        Args:
            ids: the text, which fits the model.
            room: how many tokens are to follow.
        """
        with contextlib.suppress(IndexError):  # no more of them
            while True:
                self.keep(*self._left.popleft())
        ids, slots = tuple(ids), self.slots(len(ids) + room)
        decoding, start = self._nearest(ids, slots)
        while decoding is None or start < len(ids):
            end = start + _piece(len(ids) - start) if start else min(len(ids), SHORT)
            tokens = np.zeros((1, slots if start else min(SHORT, slots)), np.int32)
            tokens[0, :end] = ids[:end]
            decoding = jaxsample.prefill(
                jax.random.key(0),
                self._model,
                self._params,
                tokens,
                jaxsample.chain(),
                max_length=slots,
                lengths=np.asarray([end], np.int32),
                after=self._bare(decoding) if decoding else None,
            )
            decoding, start = self.keep(ids[:end], decoding), end
            yield end
        return decoding

    def decoding(self, ids: Sequence[int], room: int = 1) -> Decoding:
        """Read a text, and return what `read` returns."""
        reading = self.read(ids, room)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                return end.value

    def row(self, ids: Sequence[int]) -> Row:
        """Return the model's output after a text."""
        with self._lock:
            known = self._rows.values.get(tuple(ids))
        return known or self.keep_row(ids, self.decoding(ids))

    def feed(self, decoding: Decoding, tokens: Sequence[int]) -> Decoding:
        """Read one token for each row. All chains share its program."""
        forced = Allow(np.asarray(tokens, np.int32)[:, None])
        model, params, bare = self._model, self._params, self._bare(decoding)
        return self._whole(jaxsample.step(model, params, bare, forced, sampler_axes=0)[0])

    def keep(self, ids: Sequence[int], decoding: Decoding) -> Decoding:
        """Keep a decoding `[1]` that has read a text, and return it with logits."""
        decoding = self._whole(decoding)
        self.keep_row(ids, decoding)
        slots = int(decoding.position[0] + decoding.remaining[0])
        with self._lock:
            self._decodings.put((slots, tuple(ids)), decoding)
        return decoding

    def leave(self, ids: Sequence[int], decoding: Decoding) -> None:
        """Let the next `read` keep a decoding.

        A generator that is dropped ends at any moment, also while JAX traces a function.
        """
        self._left.append((ids, decoding))

    def keep_row(self, ids: Sequence[int], decoding: Decoding) -> Row:
        """Keep and return only the row after a text."""
        hidden = None if decoding.hidden is None else decoding.hidden[0]
        assert decoding.logits is not None
        row = Row(np.asarray(decoding.logits[0]), hidden)
        with self._lock:
            self._rows.put(tuple(ids), row)
        return row

    def _whole(self, decoding: Decoding) -> Decoding:
        """Return a decoding with logits, where the model returns hidden states only."""
        if decoding.logits is not None:
            return decoding
        assert self._unembed is not None
        logits = self._unembed(self._params, decoding.hidden)
        return decoding._replace(logits=logits.astype(np.float32))

    def _bare(self, decoding: Decoding) -> Decoding:
        """Return a decoding as the model made it."""
        return decoding if self._unembed is None else decoding._replace(logits=None)

    def _nearest(self, ids: tuple[int, ...], slots: int) -> tuple[Decoding | None, int]:
        """Return a decoding that has read the first of `ids`, and how many; or None and 0."""
        best, most = None, 0
        with self._lock:
            for (size, known), decoding in self._decodings.values.items():
                same = _common(known, ids)
                whole = same == len(known)
                if size != slots or not (whole or self._model.rewinds):
                    continue
                if whole and same == len(ids):
                    return decoding, same
                same = same if whole else min(same, len(ids) - 1)
                if same > most:
                    best, most = decoding, same
        if best is None:
            return None, 0
        return best._replace(position=np.asarray([most], np.int32)), most


def _piece(left: int) -> int:
    """Return how many tokens to read next, so that few programs are compiled."""
    size = LONG if left >= LONG else MIDDLE if left > 3 * SHORT else SHORT
    return min(left, size)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return the length of the common prefix."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    return next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
