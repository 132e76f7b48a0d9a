"""The study of nuclei: how many tokens top-p keeps, and which tokens it cuts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from jaxsample.study.draw._data import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.measures._exact import nuclei as read_nuclei
from jaxsample.study.protocols._nuclei_tables import Nuclei, charts, notes, pairs_table
from jaxsample.study.protocols._protocol import Drawn, Options, Part, Plan, Protocol
from jaxsample.study.show._texts import side_by_side
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.temperatures._temperature import Temperature

TEMPERATURES = 0.3, 0.5, 0.7, 1.0, 1.2, 1.5, 2.0
SHARES = 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999
QUICK = (0.7, 1.0, 1.5), (0.5, 0.9, 0.95, 0.99)
TEXTS = 3  # the number of prompts whose texts are shown
ABOUT = """
Top-p keeps the likeliest tokens until their mass reaches p. The model writes texts at T = 1 and
p = 1. At every position of these texts the study counts the tokens that each pair of temperature
and top-p would keep, and looks at the likeliest token that it would cut.
"""


def nuclei(
    source: Source, items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Count the tokens that top-p keeps at every position of texts of a model.

    The grid has 7 x 9 pairs of temperature and top-p, 3 x 4 if quick. The study draws 4 texts of
    each prompt, 2 if quick, at T = 1 and p = 1. All pairs are computed on these texts.

    Args:
        source: the model with its tokenizer.
        items: prompts; references are not used.
        out: the folder for results.json, rows.jsonl, tables and plots; an interrupted study resumes
            there.
        **options: see `Options`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if an argument is invalid.

    >>> len(TEMPERATURES), len(SHARES)
    (7, 9)
    """
    return NUCLEI.run([source], items, out, **options)


PLAIN = Setting("T 1, p 1", chain(Temperature(1.0)))


def _draws(plan: Plan) -> list[Setting]:
    del plan
    return [PLAIN]


def _measures(plan: Plan, drawn: Drawn) -> tuple[Drawn, Nuclei]:
    temperatures, shares = QUICK if plan.quick else (TEMPERATURES, SHARES)
    rows, source = [row for row in drawn.rows if row["tokens"]], drawn.source
    prompts = [source.encode(row["prompt"]) for row in rows]
    texts = [row["tokens"] for row in rows]
    found = list(read_nuclei(source, temperatures, shares, prompts, texts, progress=plan.progress))
    place = {item.id: i for i, item in enumerate(plan.items)}
    of_text = np.asarray([place[row["item"]] for row in rows])
    size = source.tokenizer.get_vocab_size()
    return drawn, Nuclei(drawn.name, temperatures, shares, size, of_text, found)


def _shows(plan: Plan, measured: list[tuple[Drawn, Nuclei]]) -> Part:
    ((drawn, found),) = measured
    return {
        "tables": [pairs_table(found)],
        "charts": charts(found),
        "texts": side_by_side(drawn.source, [PLAIN], plan.items[:TEXTS], drawn.rows),
        "notes": notes(found),
    }


NUCLEI = Protocol(
    name="nuclei",
    title="The nuclei of top-p",
    about=ABOUT,
    draws=_draws,
    measures=_measures,
    shows=_shows,
    samples=(4, 2),
    prompts=(16, 8),
    takes=frozenset(),
)
