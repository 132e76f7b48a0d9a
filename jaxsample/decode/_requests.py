"""The prompts of a rollout: checks, parts that are read, and rows that enter slots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from jaxsample.decode._arguments import LARGEST, as_array, as_int, as_int32, is_integer
from jaxsample.decode._slots import Placing
from jaxsample.kernels._noise import one_key
from jaxsample.transforms.contract._transform import Transform


class Request(NamedTuple):
    """A prompt of a rollout that brings more than its tokens.

    Attributes:
        prompt: `[P]` token ids.
        sampler: the transform of this prompt alone, of the same structure for all prompts. Either
            every prompt brings one, or none.
        budget: the largest number of tokens to draw, >= 0; as in `rollout` by default.
        index: the index of the prompt among all prompts, from which its key is made; by default the
            number of prompts before it. So a run can skip prompts that an earlier run finished.
        samples: the indices of the samples to draw; by default all samples of `rollout`.
        key: the key of this prompt. Either all prompts have their own key, or none has.

    >>> prompts = [Request([0], TopK(1)), Request([2], TopK(1), budget=1)]
    >>> done = rollout(jax.random.key(0), bigram, table, prompts, None, slots=2, max_length=6,
    ...                max_new_tokens=3)
    >>> sorted((finished.index, finished.tokens.tolist()) for finished in done)
    [(0, [1, 2, 3]), (1, [3])]
    """

    prompt: ArrayLike
    sampler: Transform | None = None
    budget: int | None = None
    index: int | None = None
    samples: Sequence[int] | None = None
    key: jax.Array | None = None


class Item(NamedTuple):
    """A checked `Request`, and its place among the prompts."""

    index: int
    tokens: np.ndarray
    sampler: Transform | None
    budget: int
    samples: Sequence[int] | None
    key: np.ndarray | None


class Source:
    """Takes checked items from the iterable of prompts.

    An error, of the iterable or of a check, is kept: `failure` has it, and no item follows. What
    was taken before can so be finished first.
    """

    def __init__(
        self,
        prompts: Iterable[Any],
        key: jax.Array | None,
        sampler: Transform | None,
        budget: int | None,
        longest: int,
        read: int,
        vocab_size: int,
        samples: int | None = None,
    ):
        if not isinstance(prompts, Iterable):
            raise ValueError(f"prompts must be an iterable of token ids, got {prompts!r}")
        self.prompts: Iterator[Any] = iter(prompts)
        self.key, self.sampler, self.first = key, sampler, None
        self.budget = count_of("budget", LARGEST if budget is None else budget)
        self.longest, self.read, self.vocab_size = longest, read, vocab_size
        self.samples = samples
        self.count, self.over = 0, False
        self.failure: Exception | None = None

    def take(self, most: int) -> list[Item]:
        """Return up to `most` further items; fewer only at the end of the prompts."""
        taken: list[Item] = []
        while len(taken) < most and not self.over:
            try:
                taken.append(self._check(next(self.prompts)))
                self.count += 1
            except StopIteration:
                self.over = True
            except Exception as error:
                error.add_note(f"this happened at prompt {self.count} of the rollout")
                self.failure, self.over = error, True
        return taken

    def _check(self, given) -> Item:
        request = given if isinstance(given, Request) else Request(given)
        tokens = self._tokens(request.prompt)
        sampler, budget = request.sampler, request.budget
        if (sampler is None) == (self.sampler is None):
            raise ValueError(
                "the sampler of a rollout is one transform for all prompts, or None; with None "
                f"every prompt is a Request with a sampler, got {sampler!r} at this one"
            )
        if sampler is not None:
            sampler = self._alike(sampler)
        number = self.budget if budget is None else count_of("budget", budget)
        index = self.count if request.index is None else count_of("index", request.index)
        samples, own = self._samples(request.samples), self._own(request.key)
        return Item(index, tokens, sampler, number, samples, own)

    def _samples(self, wanted) -> Sequence[int] | None:
        """Return which samples a prompt draws; None in a rollout without samples."""
        if wanted is None:
            return None if self.samples is None else range(self.samples)
        most = self.samples or 0
        listed = list(wanted) if isinstance(wanted, Iterable) else []
        found = [n for n in map(as_int, listed) if n is not None and 0 <= n < most]
        if not found or not len(set(found)) == len(found) == len(listed):
            raise ValueError(
                f"samples must be different numbers below the samples={self.samples} of the "
                f"rollout, got {wanted!r}"
            )
        return found

    def _own(self, key) -> np.ndarray | None:
        """Return the words of the key that a prompt brings."""
        if (key is None) == (self.key is None):
            raise ValueError(
                "the key of a rollout is one key for all prompts, or None; with None every prompt "
                f"is a Request with a key, got {key!r} at this one"
            )
        return None if key is None else np.asarray(jax.random.key_data(one_key(key)))

    def _alike(self, sampler) -> Transform:
        """Check that a sampler fits into the slots of the first one; return it on the host."""
        if not isinstance(sampler, Transform):
            raise ValueError(f"the sampler must be a Transform, got {sampler!r}")
        sampler = jax.device_get(sampler)
        self.first = self.first or sampler
        if _form(sampler) != _form(self.first):
            raise ValueError(
                "the samplers of a rollout must have one structure, and arrays of the same shapes, "
                f"got {self.first!r} first and {sampler!r} here; a transform has a neutral value "
                "that switches it off"
            )
        return sampler

    def _tokens(self, prompt) -> np.ndarray:
        array = as_array(prompt)
        if array.ndim != 1 or not array.size or not is_integer(array):
            raise ValueError(
                f"a prompt must be integers [P] with at least one token, got {array.dtype}"
                f"{list(array.shape)}"
            )
        if array.size > self.longest:
            raise ValueError(
                f"a prompt has {array.size} tokens, max_length is {self.longest}; raise max_length "
                "or shorten the prompt"
            )
        if array.size < self.read:
            raise ValueError(
                f"a prompt has {array.size} tokens, but after has read {self.read}; every prompt "
                "begins with these"
            )
        tokens = np.asarray(jax.device_get(as_int32("the prompt", array)))
        wrong = tokens[(tokens < 0) | (tokens >= self.vocab_size)]
        if wrong.size:
            raise ValueError(
                f"prompts must be token ids in 0..{self.vocab_size - 1}, got {wrong[0]}; check "
                "that the tokenizer belongs to the model"
            )
        return tokens


def count_of(name: str, number: Any) -> int:
    """Return an integer >= 0, or raise ValueError."""
    found = as_int(number)
    if found is None or not 0 <= found <= LARGEST:
        raise ValueError(f"{name} must be an int in 0..{LARGEST}, got {number!r}")
    return found


def _form(sampler):
    return jax.tree.structure(sampler), [np.shape(leaf) for leaf in jax.tree.leaves(sampler)]


class Row(NamedTuple):
    """A row that waits for a slot: its place among the prompts read, its prompt, its sample."""

    source: int
    item: Item
    sample: int | None


def rows_of(items: Sequence[Item]) -> list[Row]:
    """Return the rows of prompts that were read together."""
    return [Row(i, item, g) for i, item in enumerate(items) for g in item.samples or [None]]


def parts(start: int, longest: int, widths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Split columns from `start` on among programs: yield the start and the width of each part.

    All parts but the last have the largest width. The last has the smallest that holds the rest of
    the longest prompt. There is none if nothing is left.
    """
    while longest - start > widths[-1]:
        yield start, widths[-1]
        start += widths[-1]
    if longest > start:
        yield start, next(width for width in widths if width >= longest - start)


def placing_of(entering: dict[int, Row], count: int, slots: int, max_length: int) -> Placing:
    """Describe the rows that enter slots, filled up to `count` with rows that enter none."""
    rows, spare = list(entering.values()), count - len(entering)
    places = [*entering, *[slots] * spare]
    rows += rows[:1] * spare
    items = [row.item for row in rows]
    tokens = np.zeros((count, max_length), np.int32)
    for line, item in zip(tokens, items, strict=True):
        line[: item.tokens.size] = item.tokens

    def column(values):
        return np.fromiter(values, np.int32, count)

    return Placing(
        source=column(row.source for row in rows),
        slot=column(places),
        line=column(places),
        index=column(item.index for item in items),
        key=None if items[0].key is None else np.asarray([item.key for item in items]),
        sample=None if rows[0].sample is None else column(row.sample for row in rows),
        tokens=tokens,
        lengths=column(item.tokens.size for item in items),
        budgets=column(item.budget for item in items),
        sampler=None if items[0].sampler is None else _stacked(items),
    )


def _stacked(items):
    return jax.tree.map(lambda *leaves: np.stack(leaves), *(item.sampler for item in items))
