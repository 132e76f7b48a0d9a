"""Texts by a draft, by beams and without replacement: each is shown when it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

import jaxsample
from jaxsample.cli.decoding import (
    RECORD,
    Chunk,
    chunks,
    packed,
    padded,
    pieces_of,
    rounded,
)
from jaxsample.cli.opening import open_model
from jaxsample.cli.strategies import AHEAD, LOOKUP, Strategy
from jaxsample.interop import Transcript

if TYPE_CHECKING:
    from jaxsample import Beams, Distinct, Draft, Model, Transform
    from jaxsample.study import Source


class Texts(NamedTuple):
    """Texts that are drawn or found.

    Attributes:
        chunks: their tokens.
        facts: for each text, the numbers that describe it as a whole, by name.
        remarks: returns what --stats says beside the tokens, at the end.
    """

    chunks: Iterator[Chunk]
    facts: list[dict[str, float]]
    remarks: Callable[[], list[str]] = list


class Task(NamedTuple):
    """A prompt, and the texts that are to follow it. The fields are the arguments of `decode`."""

    source: Source
    prompt: list[int]
    sampler: Transform
    seed: int
    samples: int
    room: int
    stop: Sequence[str]


def texts_of(task: Task, strategy: Strategy, dtype: str, stats: bool) -> Texts:
    """Return the texts of a strategy.

    Args:
        task: the prompt.
        strategy: how to decode.
        dtype: the type of the weights of a draft.
        stats: whether to count the rounds of a draft.

    Raises:
        ValueError: if the draft does not fit the model, or no text can be found.
    """
    if strategy.draft is not None:
        return _drafted(task, strategy.draft, strategy.ahead or AHEAD, dtype, stats)
    if strategy.beams is not None:
        return _searched(task, strategy)

    return _distinct(task)


def _drafted(task: Task, name: str, ahead: int, dtype: str, stats: bool) -> Texts:
    source, room = task.source, task.room
    checkpoint = source.checkpoint
    draft, params = _draft(task, name, dtype)
    rounds: list[None] = []
    counts: list[int] = []
    ahead = min(ahead, max(1, rounded(room) - 1))  # `speculate` proposes no more
    model = _counted(checkpoint.model, 1 + ahead, rounds) if stats else checkpoint.model
    tokens, length = padded(source, task.prompt, room)
    reading = int(tokens.shape[1] == 1 + ahead)  # then the prompt is counted too

    def drawn() -> Iterator[Chunk]:
        start = time.perf_counter()
        generation = jaxsample.speculate(
            jax.random.key(task.seed),
            model,
            checkpoint.params,
            tokens,
            task.sampler,
            draft=draft,
            draft_params=params,
            ahead=ahead,
            max_new_tokens=rounded(room),  # texts of many lengths share a program
            max_length=length,
            lengths=np.asarray([len(task.prompt)], np.int32),
            budget=np.asarray([room], np.int32),
            eos=source.eos,
            stop=packed(source, task.stop),
            samples=task.samples,
            record=RECORD,
        )
        texts = [Transcript(source.tokenizer, task.prompt, task.stop) for _ in range(task.samples)]
        for chunk in chunks([generation], source, task.sampler, texts, room, start):
            counts.append(len(chunk.pieces))
            yield chunk

    def remarks() -> list[str]:
        jax.effects_barrier()
        # A model that does not rewind reads what was right a second time.
        count = (len(rounds) - reading) // (1 if model.rewinds else 2)
        each = sum(counts) / max(1, count)
        return [f"{'draft':<16}{each:.2f} tokens a round over all texts, {count} rounds"]

    return Texts(drawn(), [{}] * task.samples, remarks)


def _draft(task: Task, name: str, dtype: str) -> tuple[Draft, Any]:
    """Return a draft and its parameters."""
    if name == LOOKUP:
        return jaxsample.lookup(), None
    try:
        small, source = open_model(Path(name), dtype), task.source
    except ValueError as error:
        raise ValueError(f"--draft: {error}") from error
    sizes = [one.checkpoint.config.vocab_size for one in (small, source)]
    tokens = [one.tokenizer.get_vocab() for one in (small, source)]
    if sizes[0] != sizes[1] or tokens[0] != tokens[1]:
        raise ValueError(
            f"--draft: {small.name} ({sizes[0]} tokens) has another vocabulary than {source.name} "
            f"({sizes[1]} tokens); choose a draft of the same family, or lookup"
        )
    needed = len(task.prompt) + task.room
    if small.context < needed:
        raise ValueError(
            f"--draft: {small.name} has {small.context} positions, and prompt and text need "
            f"{needed}; lower --max-new-tokens, or choose lookup"
        )
    return jaxsample.by_model(small.checkpoint.model), small.checkpoint.params


def _counted(model: Model, width: int, rounds: list[None]) -> Model:
    """Return a model that adds to `rounds` whenever it reads that many columns."""

    def apply(params, tokens, positions, cache):
        if tokens.shape[1] == width:
            jax.debug.callback(lambda: rounds.append(None))
        return model.apply(params, tokens, positions, cache)

    return model._replace(apply=apply)


def _searched(task: Task, strategy: Strategy) -> Texts:
    assert strategy.beams is not None
    start = time.perf_counter()
    prompts, lengths = _prompts(task)
    penalty = strategy.length_penalty
    found = jaxsample.beam(
        task.source.checkpoint.model,
        task.source.checkpoint.params,
        prompts,
        task.sampler,
        beams=strategy.beams,
        max_new_tokens=task.room,
        lengths=lengths,
        eos=task.source.eos,
        stop=packed(task.source, task.stop),
        length_penalty=1.0 if penalty is None else penalty,
        early_stopping=strategy.early_stopping,
        returned=task.samples,
        record=RECORD,
    )
    return _whole(task, found, {"score": found.scores}, start)


def _distinct(task: Task) -> Texts:
    start = time.perf_counter()
    prompts, lengths = _prompts(task)
    found = jaxsample.sample_without_replacement(
        jax.random.key(task.seed),
        task.source.checkpoint.model,
        task.source.checkpoint.params,
        prompts,
        task.sampler,
        samples=task.samples,
        max_new_tokens=task.room,
        lengths=lengths,
        eos=task.source.eos,
        stop=packed(task.source, task.stop),
        record=RECORD,
    )
    if np.asarray(found.invalid).any():
        raise _invalid(task)
    return _whole(task, found, {"logprob": found.likelihoods, "weight": found.weights}, start)


def _prompts(task):
    """Return the prompt as a padded batch of one, and its length."""
    count = len(task.prompt)
    tokens = np.zeros((1, min(rounded(count), task.source.context - task.room)), np.int32)
    tokens[0, :count] = task.prompt
    return tokens, np.asarray([count], np.int32)


def _whole(task: Task, found: Beams | Distinct, facts: dict[str, Any], start: float) -> Texts:
    """Return texts `[1, G, N]` that a search has found; those after the last have no tokens."""
    columns = [np.asarray(getattr(found, name))[0] for name in ("tokens", *RECORD)]
    lengths = [int(length) for length in np.asarray(found.lengths)[0] if length]
    seconds = time.perf_counter() - start
    if not lengths:
        raise _invalid(task)
    pieces = []
    for g, length in enumerate(lengths):
        text = Transcript(task.source.tokenizer, task.prompt, task.stop)
        written = [column[g][:length] for column in columns]
        pieces += pieces_of(g, text, written, task.source.eos, task.room, True)
    values = {name: np.asarray(value)[0] for name, value in facts.items()}
    each = [{name: float(v[g]) for name, v in values.items()} for g in range(len(lengths))]
    return Texts(iter([Chunk(pieces, seconds)]), each)


def _invalid(task):
    return ValueError(
        f"{task.source.name} or the sampler {task.sampler} returned a NaN or only -inf, so no text "
        "can be found"
    )
