"""The protocol of "Is Temperature the Creativity Parameter of LLMs?", without human raters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from jaxsample.study.draw._data import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.measure._correlations import Correlation
from jaxsample.study.measure._exemplar import compare, embedded
from jaxsample.study.measure._trend import detectable, detectable_by
from jaxsample.study.measure.metrics import embed
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
SHOWN = 6  # prompts whose texts are shown
RATINGS = 180  # the paper's, of 31 stories
ABOUT = """
Each of seven temperatures from 0.001 to 2 writes many stories, with the 50 likeliest tokens to
choose from. The first story of the lowest temperature is the exemplar, what the model writes as a
matter of course: how far are the others from it, how surprising, and how much of a story? Where the
paper asked human raters, stand-ins are computed here. They are proxies, and named so.
"""


def temperature_settings() -> dict[str, float]:
    """Return the names of the seven settings with their temperatures, the lowest first."""
    return {f"T {t:.3g}": t for t in TEMPERATURES}


def creativity(
    source: Source, items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Write stories at seven temperatures, and measure what changes with temperature.

    It draws 100 texts of each prompt and setting, 20 if quick, of up to 512 tokens. More `settings`
    take no part in what is said of temperature.

    Args:
        source: the model with its tokenizer.
        items: one prompt, `Item("story", "")` for a text from its beginning. With several prompts,
            each has its own exemplar, and every mean is over prompts.
        out: the folder for results.json, rows.jsonl, tables and plots; an interrupted study resumes
            there.
        **options: see `Options`; it takes `settings`, `judge` and `embedder`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if an argument makes no sense.

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
    embedder = plan.embedder or functools.partial(embed, source)
    vectors = embedded(embedder, [row["text"] for row in rows])
    measured = compare(source, rows, plan.items, exemplars, vectors, plan.judge)
    return _Measured(drawn, Texts(rows, plan.items, temperature_settings(), measured), vectors)


def _shows(plan: Plan, measured: list[_Measured]) -> Part:
    ((drawn, texts, vectors),) = measured
    averaged = averages(texts)
    table, plot, tests = correlated(texts)
    return {
        "tables": [settings_table(texts, averaged), table],
        "charts": [*lines(texts, averaged), plot, map_of(texts, vectors)],
        "texts": side_by_side(drawn.source, _draws(plan), plan.items[:SHOWN], drawn.rows),
        "notes": _notes(texts, tests, plan.judge is not None, plan.embedder is not None),
    }


def _notes(texts, tests, judged, embedded):
    several = len(texts.items) > 1
    unit = Correlation(0.0, -1.0, 1.0, 1.0, 0)
    stricter = detectable(unit, max(tests, 1)) / detectable(unit)
    found = [
        "Novelty, typicality, cohesion and coherence were rated by people in the paper. No number "
        "here is a rating: distance from the exemplar stands for novelty"
        + (
            ", mean log-likelihood under the grammar of the tokens it allows for typicality, the "
            "share of facts repeated as they were settled for cohesion, and acceptance by the "
            "grammar for coherence (higher is better; the paper's scale runs the other way). They "
            "are exact for this grammar, and say nothing of other text."
            if judged
            else "; nothing stands for the other three, which need a grammar of the stories."
        ),
        "The paper's script is not public, so these definitions are ours. Perplexity: exp of the "
        "mean of -log p over a text's tokens, under the model at temperature 1 with every token "
        "allowed. Edit distance: Levenshtein over the longer length, once over words parted by "
        "white space and once over characters. Embedding: "
        + ("by the given function." if embedded else "the mean of the model's last hidden states.")
        + " Entropy: of the model at temperature 1. The exemplar is the first text of the lowest "
        "temperature.",
        "Every temperature draws with the same noise, text by text. So intervals and p-values of "
        f"correlations rest on {'prompts' if several else 'sets of texts that share their noise'}, "
        "not on texts.",
        f"The paper finds temperature weakly correlated with novelty, in {RATINGS} ratings. So "
        f"many, were they independent, would show a rho of {detectable_by(RATINGS):.2f} in four of "
        "five repeats, and a smaller one less often. What this study would show stands in its "
        f"table; corrected for {tests} tests, it has to be about {stricter:.1f} times as large.",
    ]
    if judged:
        most = 3 * len(texts.temperatures) / len(texts.all())
        found.append(
            "Where all texts of a temperature do alike, an interval has no width; the share of "
            f"those that would not may still be {100 * most:.2g}%."
        )
    if several:
        found.append("Correlations are taken within each prompt, then averaged over prompts.")
    return found


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
)
