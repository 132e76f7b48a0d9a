"""The study "Is Temperature the Creativity Parameter of LLMs?", without human raters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.measures._correlations import Correlation
from jaxsample.study.measures._exemplar import compare, embedded
from jaxsample.study.measures._trend import detectable, detectable_by
from jaxsample.study.measures.metrics import embed
from jaxsample.study.protocols._creativity_paper import beside_the_paper, story_item
from jaxsample.study.protocols._creativity_tables import (
    Texts,
    averages,
    correlated,
    lines,
    map_of,
    settings_table,
)
from jaxsample.study.protocols._protocol import Drawn, Options, Part, Plan, Protocol
from jaxsample.study.show._texts import side_by_side
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.filters._truncation import TopK
from jaxsample.transforms.temperatures._temperature import Temperature

TEMPERATURES = tuple(np.linspace(0.001, 2.0, 7).tolist())
K = 50
SHOWN = 6  # the number of prompts whose texts are shown
RATINGS = 180  # ratings of 31 stories in the paper
ABOUT = """
The model writes many stories at each of seven temperatures from 0.001 to 2, with top-k 50. The
first story of the lowest temperature is the exemplar, the story that the model writes by default.
The study measures how far the other stories are from it, how surprising they are, and whether they
work as stories. The paper asked human raters. This study computes proxies, and calls them proxies.
"""


def temperature_settings() -> dict[str, float]:
    """Return the temperatures of the seven settings by their names, the lowest first."""
    return {f"T {t:.3g}": t for t in TEMPERATURES}


def creativity(
    source: Source, items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Write stories at seven temperatures, and measure what changes with temperature.

    It draws 100 texts of each prompt and setting, 20 if quick, of up to 512 tokens. The `settings`
    of the user do not count in the correlations with temperature.

    Args:
        source: the model with its tokenizer.
        items: one prompt, `Item("story", "")` for a text from its beginning. With several prompts,
            each has its own exemplar, and every mean is over prompts. The command gives a model
            with a chat template the prompt of the paper, "Write a story.".
        out: the folder for results.json, rows.jsonl, tables and plots; an interrupted study resumes
            there.
        **options: see `Options`; it takes `settings`, `judge` and `embedder`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if an argument is invalid.

    Reference: Peeperkorn et al., 2024, https://arxiv.org/abs/2405.00492

    >>> [round(t, 3) for t in temperature_settings().values()]
    [0.001, 0.334, 0.667, 1.0, 1.334, 1.667, 2.0]
    """
    return CREATIVITY.run([source], items, out, **options)


class _Measured(NamedTuple):
    drawn: Drawn
    texts: Texts
    vectors: np.ndarray


def _draws(plan: Plan) -> list[Setting]:
    fixed = temperature_settings()
    return [
        *(Setting(name, chain(Temperature(t), TopK(K))) for name, t in fixed.items()),
        *plan.settings,
    ]


def _measures(plan: Plan, drawn: Drawn) -> _Measured:
    source, rows = drawn.source, drawn.rows
    coldest = next(iter(temperature_settings()))
    exemplars: dict[str, int] = {}
    for i, row in enumerate(rows):
        if row["setting"] == coldest:
            exemplars.setdefault(row["item"], i)
    embedder = plan.embedder or functools.partial(embed, source, progress=plan.progress)
    vectors = embedded(embedder, [row["text"] for row in rows])
    measured = compare(source, rows, plan.items, exemplars, vectors, plan.judge)
    return _Measured(drawn, Texts(rows, plan.items, temperature_settings(), measured), vectors)


def _shows(plan: Plan, measured: list[_Measured]) -> Part:
    ((drawn, texts, vectors),) = measured
    averaged = averages(texts)
    table, plot, tests = correlated(texts)
    return {
        "tables": [
            settings_table(texts, averaged),
            table,
            beside_the_paper(table, texts.measured),
        ],
        "charts": [*lines(texts, averaged), plot, map_of(texts, vectors)],
        "texts": side_by_side(drawn.source, _draws(plan), plan.items[:SHOWN], drawn.rows),
        "notes": [
            *_notes(texts, tests, plan.judge is not None, plan.embedder is not None),
            *_unfinished(drawn),
        ],
    }


def _notes(texts, tests, judged, embedded):
    several = len(texts.items) > 1
    unit = Correlation(0.0, -1.0, 1.0, 1.0, 0)
    stricter = detectable(unit, max(tests, 1)) / detectable(unit)
    found = [
        "In the paper, people rated novelty, typicality, cohesion and coherence. No number here is "
        "a rating. Distance from the exemplar stands for novelty. The cosine between a text and "
        "the mean of the others stands for typicality, the share of the words of a sentence that "
        "the sentence before has, of four letters or more, for cohesion, and perplexity for "
        "incoherence."
        + (
            " The grammar of the stories has a proxy for each of these too: the mean "
            "log-likelihood of the allowed tokens for typicality, the share of facts that agree "
            "with their first mention for cohesion, and acceptance for coherence (higher is "
            "better; the paper's scale runs the other way). These are exact for this grammar and "
            "say nothing about other text."
            if judged
            else ""
        ),
        "The paper's script is not public, so these definitions are ours. Perplexity is the "
        "exponential of the mean of -log p over the tokens of a text, under the model at "
        "temperature 1 with every token allowed. Edit distance is the Levenshtein distance divided "
        "by the longer length, once over words separated by white space and once over characters. "
        "The embedding is "
        + (
            "computed by the given function."
            if embedded
            else "the mean of the model's last hidden states."
        )
        + " Entropy is that of the model at temperature 1. The exemplar is the first text of the "
        "lowest temperature.",
        "Every temperature draws its texts with the same noise. So intervals and p-values of "
        "correlations are computed over "
        f"{'prompts' if several else 'sets of texts that share their noise'}, not over texts.",
        f"The paper finds a weak correlation of temperature with novelty in {RATINGS} ratings. If "
        f"they were independent, that many ratings would detect a rho of "
        f"{detectable_by(RATINGS):.2f} in four of five repeats. The table shows what this study "
        f"would detect. After correction for {tests} tests, rho has to be about {stricter:.1f} "
        "times as large.",
    ]
    if judged:
        most = 3 * len(texts.temperatures) / len(texts.all())
        found.append(
            "If all texts of a temperature have the same value, the interval has no width. The "
            f"share of texts with another value may still be up to {100 * most:.2g}%."
        )
    if several:
        found.append("Correlations are computed within each prompt and averaged over prompts.")
    return found


def _unfinished(drawn):
    ends, tokens = set(drawn.source.eos), [row["tokens"] for row in drawn.rows]
    cut = np.mean([not ids or ids[-1] not in ends for ids in tokens])
    if not cut:
        return []
    longest = max(map(len, tokens))
    return [f"{cut:.0%} of the texts had not ended after {longest} tokens, and were cut there."]


CREATIVITY = Protocol(
    name="creativity",
    title="What temperature does to stories",
    about=ABOUT,
    draws=_draws,
    measures=_measures,
    shows=_shows,
    samples=(100, 20),
    prompts=(0, 0),
    takes=frozenset({"settings", "judge", "embedder"}),
    longest=512,
    asks=story_item,
)
