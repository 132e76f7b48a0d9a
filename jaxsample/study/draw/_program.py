"""The model, the prompts and the settings of a sweep, and the rows that they draw."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxsample.decode._common import read_common
from jaxsample.decode._step import Decoding
from jaxsample.interop._serial import to_dict
from jaxsample.kernels._auto_axes import explicit_mesh
from jaxsample.learn._hosts import on_other_hosts
from jaxsample.study.draw._at_once import at_once
from jaxsample.study.draw._in_slots import in_slots
from jaxsample.study.draw._item import Item
from jaxsample.study.draw._jobs import RECORD, Job
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.draw._versions import versions
from jaxsample.transforms.contract._transform import Transform

DEFAULT_NEW_TOKENS = 128


class Program:
    """The model, the prompts and the settings, ready to run any jobs.

    All programs have the same number of rows, and settings of the same structure share a compiled
    program.

    Attributes:
        source, settings, items: see `sweep`.
        digest: the sha256 of the model's weights.
        chains: the sampler of each setting as data.
        prompts, without: the token ids of each item; `without` is empty if no setting needs it.
        width: the largest number of tokens of a prompt.
        new: the largest number of tokens of a text.
        size: the number of texts decoded at once.
        together: whether the weights lie on several hosts, so that all of these run each batch.

    Raises:
        ValueError: if a prompt leaves no room for `max_new_tokens`, or lacks its `without`.
    """

    def __init__(
        self,
        source: Source,
        settings: Sequence[Setting],
        items: Sequence[Item],
        max_new_tokens: int | None,
        batch_size: int,
    ):
        self.source, self.settings, self.items = source, settings, items
        self.digest, self.chains = source.digest, [described(s) for s in settings]
        self.together = on_other_hosts(source.checkpoint.params)
        self.size = batch_size
        self._versions = versions()
        self.prompts = [_encoded(source, item, item.prompt) for item in items]
        self.without: list[list[int]] = []
        if any(s.combiner is not None for s in settings):
            self.without = [_without(source, item) for item in items]
        self.width = max(map(len, self.prompts + self.without))
        room = source.context - self.width
        self.new = min(DEFAULT_NEW_TOKENS, room) if max_new_tokens is None else max_new_tokens
        if not 1 <= self.new <= room:
            longest = max(items, key=lambda item: len(source.encode(item.prompt)))
            raise ValueError(
                f"item {longest.id!r}: a prompt of {self.width} tokens leaves room for {room} of "
                f"the {source.context} positions of {source.name}, not for {max(self.new, 1)}"
            )
        self._shown = [source.tokenizer.decode(ids) for ids in self.prompts]

    @functools.cached_property
    def common(self) -> Decoding | None:
        """The common beginning of all prompts with and without their source, read once.

        None where it is short, or where the weights lie on several devices.
        """
        checkpoint = self.source.checkpoint
        leaves = jax.tree.leaves(checkpoint.params)
        if any(isinstance(x, jax.Array) and len(x.sharding.device_set) > 1 for x in leaves):
            return None
        given = checkpoint.model, checkpoint.params, self.prompts + self.without
        return read_common(*given, max_length=self.width + self.new)

    def groups(self) -> list[list[int]]:
        """Return, for each compiled program, the indices of the settings that share it."""
        found: dict[Any, list[int]] = {}
        for i, setting in enumerate(self.settings):
            of = (setting.sampler, setting.combiner)
            shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(of))
            found.setdefault((jax.tree.structure(of), shapes), []).append(i)
        return list(found.values())

    def draw(self, batches: Sequence[Sequence[Job]]) -> Iterator[list[Row]]:
        """Yield the rows of batches in order, each batch once all of its texts have ended.

        Batches that share a program also share the slots of a rollout. Two streams, several hosts
        and Explicit axes need one batch after the other.

        Args:
            batches: each of at most `size` jobs, whose settings share a program.
        """
        group = {setting: i for i, some in enumerate(self.groups()) for setting in some}
        batch_by_batch = self.together or explicit_mesh(self.source.checkpoint.params) is not None
        for _, alike in itertools.groupby(batches, lambda batch: group[batch[0].setting]):
            some = list(alike)
            settings = dict.fromkeys(job.setting for batch in some for job in batch)
            if batch_by_batch or self.settings[next(iter(settings))].combiner is not None:
                drawn = (at_once(self, batch) for batch in some)
            else:
                drawn = in_slots(self, some)
            try:
                for batch, texts in zip(some, drawn, strict=True):
                    yield [self._row(job, text) for job, text in zip(batch, texts, strict=True)]
            except ValueError as error:
                names = " or ".join(repr(self.settings[i].name) for i in settings)
                raise ValueError(f"setting {names}: {error}") from error

    def _row(self, job, text):
        tokens = text["tokens"].tolist()
        prompt, shown = self.prompts[job.item], self._shown[job.item]
        return {
            "setting": self.settings[job.setting].name,
            "chain": self.chains[job.setting],
            "item": self.items[job.item].id,
            "seed": job.seed,
            "sample": job.sample,
            "prompt": self.items[job.item].prompt,
            # Decoding the tokens alone would lose spaces where the prompt ends.
            "text": self.source.tokenizer.decode(prompt + tokens)[len(shown) :],
            "tokens": tokens,
            # str gives the shortest decimals of a float32.
            **{name: [float(str(x)) for x in text[name]] for name in RECORD[:3]},
            "kept": text["kept"].tolist(),
            "ended": bool(tokens) and tokens[-1] in self.source.eos,
            "invalid": bool(text["invalid"]),
            "model": self.digest,
            "versions": self._versions,
        }


def described(setting: Setting) -> Any:
    """Return a setting's sampler, and its combiner where it has one, as data."""
    chain = _data(setting.sampler)
    return chain if setting.combiner is None else {"combiner": _data(setting.combiner), **chain}


def _data(sampler: Transform | Any) -> dict[str, Any]:
    try:
        return to_dict(sampler)
    except ValueError:  # a network or a nameless function
        return {"repr": repr(sampler)}


def _encoded(source: Source, item: Item, prompt: str | None) -> list[int]:
    try:
        return source.encode(prompt)
    except ValueError as error:
        raise ValueError(f"item {item.id!r}: {error}") from None


def _without(source: Source, item: Item) -> list[int]:
    if item.without is None:
        raise ValueError(
            f"item {item.id!r} has no prompt without its source, which a combiner needs"
        )
    return _encoded(source, item, item.without or None)
