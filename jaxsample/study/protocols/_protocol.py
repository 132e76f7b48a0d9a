"""A study as data: the functions that draw, measure and show, and the code that runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._program import Program
from jaxsample.study.draw._settings import Setting, checked
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.draw._sweep import sweep
from jaxsample.study.draw._sweep_folder import writable, writing
from jaxsample.study.measures._exemplar import Judge
from jaxsample.study.measures.metrics._extra import check_extra
from jaxsample.study.show._results_folder import results, write

Embedder = Callable[[Sequence[str]], Any]
Part = dict[str, list[Any]]
"""Tables, charts, texts and notes of results.json, by these four names."""


class Options(TypedDict, total=False):
    """The options of a study. All have defaults; a study refuses an option that it does not take.

    Attributes:
        settings: more settings to compare with those of the study.
        samples: the number of texts per prompt and setting, 2 or more; each study has a default.
        seed: the seed of the texts, a whole number in [0, 2**32); 0 by default.
        max_new_tokens: the largest number of tokens of a text; see `sweep`.
        weight: the weight of quality in EDA, 1 by default; see `eda`.
        batch_size: the number of texts decoded at once, 128 by default.
        quick: run fewer settings and draw fewer texts.
        judge: a function that rates texts in place of people, from lists of token ids, prompt and
            text, to arrays by name. The names "likelihood", "agreement", "grammatical" and "read"
            have titles.
        embedder: a function from N texts to `[N, D]`; by default the model's own hidden states, see
            `embed`.
        command: the command that results.json names.
        progress: show a bar with the time left.

    >>> Options(samples=4, quick=True)
    {'samples': 4, 'quick': True}
    """

    settings: Sequence[Setting]
    samples: int
    seed: int
    max_new_tokens: int | None
    weight: float
    batch_size: int
    quick: bool
    judge: Judge | None
    embedder: Embedder | None
    command: str | None
    progress: bool


class Plan(NamedTuple):
    """The prompts and the options of one run of a study; `Options` explains them."""

    items: list[Item]
    settings: Sequence[Setting] = ()
    samples: int = 2
    seed: int = 0
    max_new_tokens: int | None = None
    weight: float = 1.0
    batch_size: int = 128
    quick: bool = False
    judge: Judge | None = None
    embedder: Embedder | None = None
    command: str | None = None
    progress: bool = False


class Drawn(NamedTuple):
    """The rows that a study drew from one model.

    Attributes:
        source: the model with its tokenizer.
        name: the model's name; the names of one run differ.
        folder: the name as part of a path.
        rows: the rows of the sweep.
    """

    source: Source
    name: str
    folder: str
    rows: list[Row]


def _from_the_beginning(source: Source) -> Item:
    del source
    return Item("text", "")


class Protocol(NamedTuple):
    """A study: its settings, its measures, and its tables and charts.

    Attributes:
        name: its name in commands and in results.json.
        title: the title of its report.
        about: a paragraph that says what the study does.
        draws: returns the settings of a plan, those of the user included.
        measures: measures what was drawn from one model.
        shows: makes tables, charts, texts and notes of what was measured, a member per model.
        samples: the default number of texts per prompt and setting, and the one if quick.
        prompts: the number of prompts that suit the study, and the one if quick; 0 if the study
            needs no prompt but writes texts from their beginning.
        takes: which of "models" (several at once), "settings", "weight", "judge" and "embedder" the
            study takes.
        reads: checks the prompts and returns the parts that the study uses.
        asks: returns the only prompt, for the given model, if the study needs no prompts from you.
        longest: the largest number of tokens of a text by default; None for the default of `sweep`.

    >>> from jaxsample.study import PROTOCOLS
    >>> sorted(PROTOCOLS)
    ['creativity', 'edt', 'nuclei', 'presets', 'surface']
    >>> sorted(PROTOCOLS["edt"].takes), PROTOCOLS["edt"].prompts
    (['settings', 'weight'], (32, 8))
    """

    name: str
    title: str
    about: str
    draws: Callable[[Plan], list[Setting]]
    measures: Callable[[Plan, Drawn], Any]
    shows: Callable[[Plan, list[Any]], Part]
    samples: tuple[int, int]
    prompts: tuple[int, int]
    takes: frozenset[str]
    reads: Callable[[Sequence[Item]], list[Item]] = list
    longest: int | None = None
    asks: Callable[[Source], Item] = _from_the_beginning

    def run(
        self,
        sources: Sequence[Source],
        items: Sequence[Item],
        out: str | Path,
        **options: Unpack[Options],
    ) -> dict[str, Any]:
        """Draw, measure, and write results.json with its tables and charts to a folder.

        The packages, the folder, the settings and all options are checked before the first draw.

        Args:
            sources: the models with their tokenizers; one, unless the study takes "models".
            items: the prompts.
            out: the folder to write to; an interrupted study resumes there. Several models have a
                folder each inside it.
            **options: see `Options`.

        Returns:
            The content of results.json.

        Raises:
            ValueError: if an argument is invalid, or the folder cannot be used.
            ImportError: if a package of the extra "study" is missing.
        """
        if options.get("samples") is None:
            options["samples"] = self.samples[options.get("quick", False)]
        plan = Plan(self.reads(items), **options)
        settings = self._checked(sources, plan)
        writable(Path(out))
        several = "models" in self.takes
        names = _names(sources)
        tokens = [self._longest(source, plan) for source in sources]
        for source, most in zip(sources[1:], tokens[1:], strict=True):
            Program(source, settings, plan.items, most, plan.batch_size)  # refuses a short context
        measured = []
        for source, most, (name, folder) in zip(sources, tokens, names, strict=True):
            rows = sweep(
                source,
                settings,
                plan.items,
                seeds=(plan.seed,),
                samples=plan.samples,
                max_new_tokens=most,
                batch_size=plan.batch_size,
                out=Path(out) / folder if several else out,
                progress=plan.progress,
            ).rows
            measured.append(self.measures(plan, Drawn(source, name, folder, rows)))
        found = results(
            sources[0],
            self.name,
            self.title,
            self.about,
            command=plan.command or f"jaxsample.study.{self.name}",
            quick=plan.quick,
        )
        for kind, some in self.shows(plan, measured).items():
            found[kind] += some
        with writing(Path(out)):
            write(out, found)
        return found

    def _checked(self, sources: Sequence[Source], plan: Plan) -> list[Setting]:
        check_extra()
        if not sources:
            raise ValueError("there is no model to measure")
        if len(sources) > 1 and "models" not in self.takes:
            raise ValueError(f"{self.name} takes one model, got {len(sources)}")
        for name in {"settings", "weight", "judge", "embedder"} - self.takes:
            given = getattr(plan, name)
            if given and given != Plan._field_defaults[name]:
                raise ValueError(f"{self.name} does not take {name}; leave it out")
        if plan.samples < 2:
            raise ValueError(f"{self.name} needs 2 or more samples of a prompt, got {plan.samples}")
        if not plan.weight >= 0:
            raise ValueError(f"weight must be >= 0, got {plan.weight}")
        return checked(self.draws(plan))

    def _longest(self, source: Source, plan: Plan) -> int | None:
        if plan.max_new_tokens is not None or self.longest is None:
            return plan.max_new_tokens
        width = max((len(source.encode(item.prompt)) for item in plan.items), default=0)
        return min(self.longest, max(source.context - width, 1))


def _names(sources: Sequence[Source]) -> list[tuple[str, str]]:
    """Return for each model a name and a folder that no other model has."""
    found: list[tuple[str, str]] = []
    for source in sources:
        folder = re.sub(r"[^\w.-]+", "_", source.name).strip("._") or "model"
        name, number = (source.name, folder), 1
        while {part.lower() for part in name} & {part.lower() for pair in found for part in pair}:
            number += 1
            name = f"{source.name} ({number})", f"{folder}_{number}"
        found.append(name)
    return found
