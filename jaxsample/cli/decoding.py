"""Decode chunk by chunk into readable tokens, and measure the time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

import jaxsample
from jaxsample.interop import Text, Transcript

if TYPE_CHECKING:
    from jaxsample import Generation, Step, Transform
    from jaxsample.study import Source

CHUNK = 4  # tokens of each text that are decoded before they are shown
BUCKET = 64  # lengths are rounded up to multiples, so that prompts of many lengths share a program


class Piece(NamedTuple):
    """A token, and the text that it adds.

    Attributes:
        sample: which text, counted from 0.
        token: its id.
        text: what it adds; empty for an incomplete character and for the end of the text.
        ended: whether the token ends the text.
        logprob: nats, under the distribution that it was drawn from.
        model_logprob: nats, under the model alone (T = 1).
        entropy: nats, of the model.
    """

    sample: int
    token: int
    text: str
    ended: bool
    logprob: float
    model_logprob: float
    entropy: float


class Chunk(NamedTuple):
    """The next tokens of every unfinished text, and the seconds that they took."""

    pieces: list[Piece]
    seconds: float


RECORD = "logprobs", "model_logprobs", "entropy"


def decode(
    source: Source,
    prompt: list[int],
    sampler: Transform,
    seed: int,
    samples: int,
    room: int,
    stop: Sequence[str] = (),
) -> Iterator[Chunk]:
    """Yield the texts while they are drawn; the same seed draws the same texts.

    A text ends before a string of `stop`.

    Raises:
        ValueError: if the model or the sampler returns logits from which no token can be drawn.
    """
    tokens, length = padded(source, prompt, room)
    model, params = source.checkpoint.model, source.checkpoint.params
    start = time.perf_counter()
    stream = jaxsample.stream(
        jax.random.key(seed),
        model,
        params,
        tokens,
        sampler,
        max_new_tokens=-(-room // CHUNK) * CHUNK,  # a shorter last chunk would be compiled again
        max_length=length,
        lengths=np.asarray([len(prompt)], np.int32),
        budget=np.asarray([room], np.int32),
        eos=source.eos,
        stop=packed(source, stop),
        samples=samples,
        record=RECORD,
        chunk=CHUNK,
    )
    texts = [Transcript(source.tokenizer, prompt, stop) for _ in range(samples)]
    yield from chunks(stream, source, sampler, texts, room, start)


def packed(source: Source, stop: Sequence[str]) -> Any:
    """Return stop strings over the tokens of a model, as `generate` takes them.

    Where the bytes of its tokens are not known, nothing: the text alone says where it ends.
    """
    if not stop:
        return ()
    try:
        return Text.of(source.checkpoint).stop(list(stop), source.checkpoint.config.vocab_size)
    except ValueError:
        if "" in stop:
            raise
        return ()


def chunks(
    generations: Iterable[Generation],
    source: Source,
    sampler: Transform,
    texts: Sequence[Transcript],
    room: int,
    start: float,
) -> Iterator[Chunk]:
    """Yield the tokens of generations `[1, samples, N]` as readable pieces.

    Args:
        generations: from `stream` or `resume`.
        source, sampler: for messages, if no token can be drawn.
        texts: the texts so far.
        room: how many tokens a text may have.
        start: the time at which the first generation began, of `time.perf_counter`.
    """
    drawn = np.zeros(len(texts), int)
    for generation in generations:
        done = np.asarray(generation.decoding.done)
        seconds = time.perf_counter() - start
        check(generation, source, sampler)
        pieces = []
        lengths = np.asarray(generation.lengths)[0]
        fields = [np.asarray(getattr(generation, name))[0] for name in ("tokens", *RECORD)]
        for g, text in enumerate(texts):
            columns = [field[g][: lengths[g]] for field in fields]
            found = list(pieces_of(g, text, columns, source.eos, room - drawn[g], done[g]))
            drawn[g] += len(found)
            pieces += found
        yield Chunk(pieces, seconds)
        if all(d or text.stopped for d, text in zip(done, texts, strict=True)):
            return
        start = time.perf_counter()


def pieces_of(
    sample: int,
    text: Transcript,
    columns: Sequence[np.ndarray],
    eos: Sequence[int],
    left: int,
    done: bool,
) -> Iterator[Piece]:
    """Yield the next tokens of a text as readable pieces, up to the end of the text.

    Args:
        sample: the number of the text.
        text: the text before.
        columns: the ids `[n]` of the tokens, and their records `[n]` in the order of `RECORD`.
        eos: the ids that end a text.
        left: how many tokens the text may still have, n or more.
        done: whether nothing follows these tokens.
    """
    count = len(columns[0])
    for n, (token, *records) in enumerate(zip(*columns, strict=True), 1):
        if text.stopped:
            return
        readable = text.add(int(token))
        # A stop string in special tokens ends the row, but the text does not show it.
        last = done and n == count and n < left
        ended = int(token) in eos or text.stopped or bool(last)
        if ended or n == left:
            readable += text.rest()
        yield Piece(sample, int(token), readable, ended, *map(float, records))


def padded(source: Source, prompt: list[int], room: int) -> tuple[np.ndarray, int]:
    """Return a prompt as a padded batch of one, and the length of the prompt and `room` tokens."""
    length = min(rounded(len(prompt) + room), source.context)
    tokens = np.zeros((1, min(rounded(len(prompt)), length)), np.int32)
    tokens[0, : len(prompt)] = prompt
    return tokens, length


def rounded(n: int) -> int:
    """Return a length up to which prompts share a program."""
    return -(-n // BUCKET) * BUCKET


def check(drawn: Generation | Step, source: Source, sampler: Transform) -> None:
    """Refuse a row of which no token was drawn.

    Raises:
        ValueError: with the reason.
    """
    if not np.asarray(drawn.invalid).any():
        return
    if np.asarray(drawn.invalid_logits).any():
        raise ValueError(
            f"the logits of {source.name} hold a NaN or only -inf, so no token can be drawn; "
            "check its weights"
        )
    raise ValueError(
        f"the sampler {sampler} returned a NaN or only -inf, so no token can be drawn; "
        f"the logits of {source.name} are valid"
    )
