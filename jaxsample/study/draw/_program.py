"""Run batches in which each row has its own setting, prompt and key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._generate import generate
from jaxsample.decode._guidance import guided
from jaxsample.interop._serial import to_dict
from jaxsample.kernels._noise import fold_in
from jaxsample.learn._hosts import by_rows, on_other_hosts, whole
from jaxsample.study.draw._data import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.draw._versions import versions
from jaxsample.transforms.contract._stack import stack
from jaxsample.transforms.contract._transform import Transform

DEFAULT_NEW_TOKENS = 128
RECORD = "logprobs", "model_logprobs", "entropy", "kept"


class Job(NamedTuple):
    """One text to draw.

    Attributes:
        setting, item: the index of the setting and of the item.
        seed: the key of the text is made from the seed, the item and the sample.
        sample: the index among the texts of this setting, item and seed.
    """

    setting: int
    item: int
    seed: int
    sample: int


class Program:
    """The model, the prompts and the settings, ready to run any batch of jobs.

    All batches have the same shape, and settings of the same structure share a compiled program.

    Attributes:
        digest: the sha256 of the model's weights.
        chains: the sampler of each setting as data.
        new: the largest number of tokens of a text.
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
        self._place = by_rows(source.checkpoint.params)
        self._size = batch_size
        self._versions = versions()
        self._prompts = [_encoded(source, item, item.prompt) for item in items]
        self._without = None
        if any(s.combiner is not None for s in settings):
            self._without = [_without(source, item) for item in items]
        self._width = max(map(len, self._prompts + (self._without or [])))
        room = source.context - self._width
        self.new = min(DEFAULT_NEW_TOKENS, room) if max_new_tokens is None else max_new_tokens
        if not 1 <= self.new <= room:
            longest = max(items, key=lambda item: len(source.encode(item.prompt)))
            raise ValueError(
                f"item {longest.id!r}: a prompt of {self._width} tokens leaves room for {room} of "
                f"the {source.context} positions of {source.name}, not for {max(self.new, 1)}"
            )
        self._shown = [source.tokenizer.decode(ids) for ids in self._prompts]

    def groups(self) -> list[list[int]]:
        """Return, for each compiled program, the indices of the settings that share it."""
        found: dict[Any, list[int]] = {}
        for i, setting in enumerate(self.settings):
            of = (setting.sampler, setting.combiner)
            shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(of))
            found.setdefault((jax.tree.structure(of), shapes), []).append(i)
        return list(found.values())

    def run(self, jobs: Sequence[Job]) -> list[Row]:
        """Draw the texts of at most `batch_size` jobs whose settings share a program."""
        if not jobs:
            return []
        # A short batch is filled with rows of budget 0.
        full = [*jobs, *[jobs[0]] * (self._size - len(jobs))]
        budget = jnp.where(jnp.arange(self._size) < len(jobs), self.new, 0)
        settings = [self.settings[job.setting] for job in full]
        model, params = self.source.checkpoint.model, self.source.checkpoint.params
        prompts, lengths = self._padded(self._prompts, full)
        if settings[0].combiner is not None:
            combiner = stack([s.combiner for s in settings if s.combiner is not None])
            combiner = self._place(combiner)
            model, params = guided(model, combiner, axes=0), (params, combiner)
            others, their = self._padded(self._without, full)
            prompts, lengths = np.stack([prompts, others], 1), np.stack([lengths, their], 1)
        keys = jax.vmap(jax.random.key)(jnp.asarray([job.seed for job in full], jnp.uint32))
        for number in ([job.item for job in full], [job.sample for job in full]):
            keys = fold_in(keys, jnp.asarray(number))
        sampler = stack([s.sampler for s in settings])
        rows = keys, jnp.asarray(prompts), sampler, jnp.asarray(lengths), budget
        keys, prompts, sampler, lengths, budget = self._place(rows)
        try:
            out = generate(
                keys,
                model,
                params,
                prompts,
                sampler,
                max_new_tokens=self.new,
                max_length=self._width + self.new,
                lengths=lengths,
                budget=budget,
                eos=self.source.eos,
                sampler_axes=0,
                record=RECORD,
            )
        except ValueError as error:
            raise ValueError(f"setting {settings[0].name!r}: {error}") from error
        found = {n: getattr(out, n) for n in ("tokens", "lengths", "invalid", *RECORD)}
        found = jax.tree.map(whole, found) if self.together else jax.device_get(found)
        return [self._row(job, found, at) for at, job in enumerate(jobs)]

    def _row(self, job, found, at):
        length, setting = int(found["lengths"][at]), self.settings[job.setting]
        tokens = found["tokens"][at, :length].tolist()
        prompt, shown = self._prompts[job.item], self._shown[job.item]
        # Decoding the tokens alone would lose spaces where the prompt ends.
        text = self.source.tokenizer.decode(prompt + tokens)[len(shown) :]
        return {
            "setting": setting.name,
            "chain": self.chains[job.setting],
            "item": self.items[job.item].id,
            "seed": job.seed,
            "sample": job.sample,
            "prompt": self.items[job.item].prompt,
            "text": text,
            "tokens": tokens,
            # str gives the shortest decimals of a float32.
            **{n: [float(str(x)) for x in found[n][at, :length]] for n in RECORD[:3]},
            "kept": found["kept"][at, :length].tolist(),
            "ended": bool(length) and tokens[-1] in self.source.eos,
            "invalid": bool(found["invalid"][at]),
            "model": self.digest,
            "versions": self._versions,
        }

    def _padded(self, prompts, jobs):
        tokens = np.zeros((len(jobs), self._width), np.int32)
        for row, job in zip(tokens, jobs, strict=True):
            row[: len(prompts[job.item])] = prompts[job.item]
        return tokens, np.asarray([len(prompts[job.item]) for job in jobs], np.int32)


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
