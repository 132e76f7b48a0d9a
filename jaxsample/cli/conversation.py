"""A conversation whose turns are read onto the cache of those before."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

import jaxsample
from jaxsample.cli.decoding import CHUNK, RECORD, Chunk, chunks, packed, padded
from jaxsample.interop import Text

if TYPE_CHECKING:
    from jaxsample import Decoding, Generation, Transform
    from jaxsample.study import Source

SMALLEST = 512  # positions of the first cache; it doubles when a conversation outgrows it


class Conversation:
    """The messages so far, and what the model has read of them.

    Args:
        source: a model with a chat template.
        sampler: how answers are drawn; may be changed between turns.
        seed: the same seed gives the same answers to the same messages.
        room: the largest number of tokens of an answer.
        system: the system message, or None.
        stop: strings that end an answer.

    Attributes:
        sampler: as above.
        messages: dicts with a role and a content.
        read: how many tokens of the last prompt were read; the others were in the cache.
        length: how many tokens the last prompt has.
    """

    def __init__(
        self,
        source: Source,
        sampler: Transform,
        seed: int,
        room: int,
        system: str | None = None,
        stop: Sequence[str] = (),
    ):
        self.sampler = sampler
        self._source, self._text = source, Text.of(source.checkpoint)
        self._seed, self._room, self._stop = seed, room, list(stop)
        self._packed = packed(source, self._stop)
        self._system = [] if system is None else [{"role": "system", "content": system}]
        self.reset()

    def reset(self) -> None:
        """Forget every turn."""
        self.messages: list[dict[str, Any]] = list(self._system)
        self.read = self.length = 0
        self._decoding: Decoding | None = None  # it has read the tokens of `_ids`, and maybe more
        self._latest: Decoding | None = None
        self._ids: list[int] = []  # what the cache holds
        self._written = ""  # its text
        self._slots = 0

    def ask(self, words: str) -> Generator[Chunk]:
        """Add a message of the user, and yield the answer while it is drawn.

        If the iterator is closed before its end, what was yielded is the answer.

        Raises:
            ValueError: if the template refuses the messages, or they fill the model's context.
        """
        messages = [*self.messages, {"role": "user", "content": words}]
        prompt = self._text.chat(messages)
        ids = self._source.fits(self._encoded(prompt))
        room = min(self._room, self._source.room(ids, None))
        start = time.perf_counter()
        decoding = self._prefilled(ids, room)
        transcript = self._text.transcript(ids, self._stop)
        drawn: list[int] = []
        answer = ""
        generations = self._drawn(decoding, room)
        self._decoding = None
        with contextlib.suppress(GeneratorExit):
            for chunk in chunks(generations, self._source, self.sampler, [transcript], room, start):
                drawn += [piece.token for piece in chunk.pieces]
                answer += "".join(piece.text for piece in chunk.pieces)
                yield chunk
        self.messages = [*messages, {"role": "assistant", "content": answer}]
        self._ids, self._decoding = ids + drawn, self._latest
        self._written = prompt + self._text.decode(drawn, special=True)

    def _encoded(self, prompt):
        """Return the ids of a prompt, with those in the cache where they spell its begin.

        A model may spell a text in other tokens than the tokenizer does.
        """
        ids = self._text.encode(prompt, special=False)
        known = self._ids
        if ids[: len(known)] != known and prompt.startswith(self._written):
            rest = self._text.encode(prompt[len(self._written) :], special=False)
            if self._text.decode(known + rest, special=True) == prompt:
                return known + rest
        return ids

    def _known(self, ids: list[int]) -> tuple[Decoding | None, int]:
        """Return a decoding that has read the first of `ids`, and how many; or None and 0.

        Tokens that a stop string cut off, and a begin that the template writes in another way now,
        are taken back where the model can.
        """
        if self._decoding is None:
            return None, 0
        same = (a == b for a, b in zip(ids, self._ids, strict=False))
        common, held = sum(itertools.takewhile(bool, same)), int(self._decoding.position[0])
        if common == held:
            return self._decoding, common
        common = min(common, len(ids) - 1)
        if not common or not self._source.checkpoint.model.rewinds:
            return None, 0
        return self._decoding._replace(position=np.asarray([common], np.int32)), common

    def _prefilled(self, ids, room):
        needed = len(ids) + room
        if needed > self._slots:
            self._decoding = None
            self._slots = min(max(SMALLEST, 1 << (needed - 1).bit_length()), self._source.context)
        after, known = self._known(ids)
        self.length, self.read = len(ids), len(ids) - known
        if after is None:
            prompts, _ = padded(self._source, ids, 0)
        else:
            prompts = np.zeros((1, self._slots), np.int32)
            prompts[0, : len(ids)] = ids
        turn = sum(message["role"] == "user" for message in self.messages)
        return jaxsample.prefill(
            jax.random.fold_in(jax.random.key(self._seed), turn),
            self._source.checkpoint.model,
            self._source.checkpoint.params,
            prompts,
            self.sampler,
            max_length=self._slots,
            lengths=np.asarray([len(ids)], np.int32),
            budget=np.asarray([room], np.int32),
            after=after,
        )

    def _drawn(self, decoding, room) -> Iterator[Generation]:
        model, params = self._source.checkpoint.model, self._source.checkpoint.params
        for _ in range(0, room, CHUNK):
            generation = jaxsample.resume(
                model,
                params,
                decoding,
                self.sampler,
                max_new_tokens=CHUNK,
                eos=self._source.eos,
                stop=self._packed,
                samples=1,
                record=RECORD,
            )
            self._latest = decoding = generation.decoding
            yield generation
