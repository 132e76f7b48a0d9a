"""Rollouts: many prompts through a few slots, each of which takes a new prompt when it is free."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer

from jaxsample.decode import _slots
from jaxsample.decode._after import Read, check_begin
from jaxsample.decode._arguments import on_device, positive_int
from jaxsample.decode._contract import streams_of
from jaxsample.decode._model import Model
from jaxsample.decode._records import Support, Top, check_record
from jaxsample.decode._requests import Row, Source, parts, placing_of, rows_of
from jaxsample.decode._sampler_axes import check_axes
from jaxsample.decode._step import Decoding, Ending
from jaxsample.kernels._noise import one_key
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.tokens._stop_strings import StopStrings

WIDTHS = 64, 256, 1024

_idle = jax.jit(_slots.idle, static_argnums=(0, *range(6, 11)))


class Finished(NamedTuple):
    """The tokens of one prompt of a `rollout`, or of one of its samples; arrays are numpy.

    A record that was not requested is None.

    Attributes:
        index: the place of the prompt among all prompts.
        sample: the number of the sample, 0 without `samples`.
        tokens: `[n]` int32, with the eos.
        logprobs, model_logprobs, entropy, kept, support, top: records `[n, ..]`, see `Generation`.
        invalid, invalid_logits: bool, see `Generation`.

    >>> prompts = [[0], [2, 3]]
    >>> done = rollout(jax.random.key(0), bigram, table, prompts, TopK(1), slots=2, max_length=6,
    ...                max_new_tokens=4, eos=3, record=("kept",))
    >>> for finished in done:
    ...     print(finished.index, finished.tokens, finished.kept)
    0 [1 2 3] [1 1 1]
    1 [0 1 2 3] [1 1 1 1]
    """

    index: int
    sample: int
    tokens: np.ndarray
    logprobs: np.ndarray | None
    model_logprobs: np.ndarray | None
    entropy: np.ndarray | None
    kept: np.ndarray | None
    support: Support | None
    top: Top | None
    invalid: bool
    invalid_logits: bool


def rollout(
    key: jax.Array | None,
    model: Model,
    params: Any | Callable[[], Any],
    prompts: Iterable[Any],
    sampler: Transform | None,
    *,
    slots: int,
    max_length: int,
    max_new_tokens: int,
    widths: Sequence[int] = WIDTHS,
    refill: int | None = None,
    chunk: int = 32,
    samples: int | None = None,
    budget: int | None = None,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    after: Decoding | None = None,
    record: Sequence[Any] = ("logprobs",),
) -> Iterator[Finished]:
    """Generate for a stream of prompts, and yield each result as soon as it is finished.

    A batch decodes until its longest row ends, and its other rows idle. Here a row that ends makes
    room for the next prompt. For the same logits, the tokens of prompt i are those of row i of one
    `generate` over all prompts, whatever the slots, the widths and the order: it has the key
    `fold_in(key, i)`, and sample g of it has that key folded with g.

    Prompts are taken from the iterable when there is room for them. If it raises an error, or a
    prompt is wrong, the prompts before it are finished and yielded first. Close the iterator, or
    drop it, to end early.

    Args:
        key: one PRNG key; None if each prompt is a `Request` that brings its own.
        model, eos, stop, pad, record: see `generate`. The model has one stream, and a mesh has
            Auto axes.
        params: see `generate`; or a function without arguments that returns them. It is called
            before every chunk, for weights that change meanwhile.
        prompts: an iterable of `[P]` token ids of any lengths, or of `Request`.
        sampler: any transform; None if each prompt is a `Request` that brings its own.
        slots: S, the number of rows that are decoded together; static.
        max_length: the largest number of tokens of prompt and output together; static.
        max_new_tokens: N, the largest number of tokens for a prompt; static.
        widths: the numbers of columns in which prompts are read, for each of which a program is
            compiled. A prompt longer than the widest is read in several parts; static.
        refill: R, how many prompts are read at once, and how many slots must be free before that;
            an eighth of the slots by default; static.
        chunk: the largest number of steps between two looks at the device; static.
        samples: rows per prompt; the model reads the prompt once.
        budget: the largest number of tokens for each prompt, below `max_new_tokens`.
        after: a `Decoding` of one row that has read the first tokens of all prompts, as many as its
            `position` says, with the same `max_length`. They are not read again; see `prefill`.

    Raises:
        ValueError: if an argument has a wrong type, shape or value; for `prompts`, when the wrong
            one is reached, with its place.

    >>> prompts = ([token] for token in (0, 1, 2))
    >>> done = rollout(jax.random.key(0), bigram, table, prompts, TopK(1), slots=2, max_length=6,
    ...                max_new_tokens=4, eos=3)
    >>> sorted((finished.index, finished.tokens.tolist()) for finished in done)
    [(0, [1, 2, 3]), (1, [2, 3]), (2, [3])]
    """
    slots, refill = _slots.check_slots(slots, refill)
    max_length = positive_int("max_length", max_length)
    if sampler is not None:
        check_axes(sampler, None, slots)
    if streams_of(model) > 1:
        raise ValueError("rollout is for models of one stream")
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((key, params, sampler))):
        raise ValueError("rollout runs on the host: call it outside of jit")
    if not isinstance(widths, Sequence) or not widths:
        raise ValueError(f"widths must be a sequence of at least one number, got {widths!r}")
    key = None if key is None else one_key(key)
    begin, read = check_begin(after, model, max_length)
    common = _Common(
        model,
        sampler,
        max_length,
        refill,
        tuple(sorted({min(positive_int("widths", width), max_length) for width in widths})),
        None if samples is None else positive_int("samples", samples),
        positive_int("chunk", chunk),
        Ending.of(eos, stop, pad),
        check_record(record),
        begin,
        read,
    )
    # A function is a leaf of its own; parameters that can be called, such as a module's, are trees.
    leaves = jax.tree.leaves(params)
    asked = callable(params) and len(leaves) == 1 and leaves[0] is params
    now = params if asked else lambda: params
    size = _slots.vocabulary(model, now(), refill, max_length)
    common.ending.check(size)
    source = Source(prompts, key, sampler, budget, max_length, read, size, common.samples)
    steps = positive_int("max_new_tokens", max_new_tokens)
    return _run(key, now, source, common, slots, steps)


class _Common(NamedTuple):
    model: Model
    sampler: Transform | None
    max_length: int
    refill: int
    widths: tuple[int, ...]
    samples: int | None
    chunk: int
    ending: Ending
    record: tuple
    begin: Read | None
    read: int


def _run(key, now, source, common, count, steps):
    waiting: collections.deque[Row] = collections.deque()
    owner: list[Row | None] = [None] * count
    state = reading = None
    axes = 0 if common.sampler is None else None
    while True:
        params = now()
        while free := _free(owner, source, waiting, common.refill):
            if not waiting:
                items = source.take(common.refill)
                if not items:
                    break
                reading = _read(params, items, common)
                waiting.extend(rows_of(items))
            some = free[: min(common.refill, len(waiting))]
            entering = {slot: waiting.popleft() for slot in some}
            placing = placing_of(entering, common.refill, count, common.max_length)
            given = params, key, reading, placing, common.sampler
            given = on_device(given)
            if state is None:
                state = _idle(common.model, *given, count, count, steps, common.record, axes)
            state = _slots.place(common.model, state, *given, axes)
            for slot, row in entering.items():
                owner[slot] = row
        busy = np.array([row is not None for row in owner])
        if not busy.any():
            break
        last = source.over and not waiting
        wanted = np.int32(busy.sum() if last else min(common.refill, busy.sum()))
        given = on_device((params, state, common.sampler, common.ending, busy, wanted))
        state, told = _slots.decode(common.model, *given, common.record, common.chunk, axes)
        done, n = jax.device_get(told)
        ready = np.flatnonzero(busy & done)
        for first in range(0, len(ready), common.refill):
            some = ready[first : first + common.refill]
            for slot, finished in zip(some, _results(state, some, n, owner, common), strict=True):
                owner[slot] = None
                yield finished
    if source.failure is not None:
        raise source.failure


def _free(owner, source, waiting, refill):
    """Return the free slots, or none while there are too few for a refill."""
    free = [slot for slot, row in enumerate(owner) if row is None]
    needed = min(refill, len(waiting)) if source.over else refill
    return free if len(free) >= needed or len(free) == len(owner) else []


def _read(params, items, common):
    rows = common.refill
    lengths = np.ones(rows, np.int32)
    lengths[: len(items)] = [item.tokens.size for item in items]
    if common.begin is None:
        reading = _slots.unread(common.model, rows, common.max_length)
    else:
        reading = _slots.begun(common.begin, rows)
    for start, width in parts(common.read, int(lengths.max()), common.widths):
        tokens = np.zeros((rows, width), np.int32)
        for row, item in zip(tokens, items, strict=False):
            part = item.tokens[start : start + width]
            row[: part.size] = part
        given = on_device((params, reading, tokens, lengths, np.int32(start)))
        reading = _slots.read(common.model, *given)
    return reading


def _results(state, some, n, owner, common):
    which = np.zeros(common.refill, np.int32)
    which[: len(some)] = some
    found = _slots.results(state.written, on_device(which))
    written, invalid, logits = jax.device_get(found)
    for i, slot in enumerate(some):
        row = owner[slot]
        fields = written.tokens, *written[4:]  # the tokens and the records
        # Copies, because a view would keep the padding of all rows alive.
        fields = jax.tree.map(lambda x, i=i, end=n[slot]: x[i, :end].copy(), fields)
        flags = bool(invalid[i]), bool(logits[i])
        yield Finished(row.item.index, row.sample or 0, *fields, *flags)  # type: ignore[arg-type]
