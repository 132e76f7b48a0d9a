"""The study of the EDT paper: quality and diversity under fixed and dynamic temperature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.measures._by_prompt import COLUMNS, measure
from jaxsample.study.measures._cost import Cost, costs
from jaxsample.study.protocols._edt_families import FAMILIES, edt_settings
from jaxsample.study.protocols._edt_held_out import held_out
from jaxsample.study.protocols._edt_instances import instances
from jaxsample.study.protocols._edt_tables import cost_table, front, sensitivity, trace
from jaxsample.study.protocols._protocol import Drawn, Options, Part, Plan, Protocol
from jaxsample.study.show._cells import summary
from jaxsample.study.show._results_folder import table
from jaxsample.study.show._texts import side_by_side

SHOWN = "rouge_l", "bleu", "self_bleu", "sampler_entropy", "perplexity", "kept"
TEXTS = 6  # the number of prompts whose texts are shown
ABOUT = """
Every setting writes several texts for every prompt. Quality is the overlap of a text with its
references. Diversity is high if the texts of one prompt overlap little with each other. EDT
computes the temperature of every token from the entropy of the model at that token:
T = T0 * 0.8 ** (theta / H).
"""


def edt(
    source: Source, items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Compare fixed, entropy-dependent and KL-guided temperatures on prompts with references.

    Top-p and min-p take part too. Each family has 12 settings, or 4 if quick. The study draws 8
    texts of each prompt and setting, 4 if quick. For each family a setting is chosen on one half of
    the prompts and compared with the chosen fixed temperature on the other half.

    Args:
        source: the model with its tokenizer.
        items: prompts with references; with their `without`, KL-guided temperature takes part.
        out: the folder for results.json, rows.jsonl, tables and plots; an interrupted study resumes
            there.
        **options: see `Options`; it takes `settings` and `weight`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if an item has no reference, or an argument is invalid.

    Reference: Zhang et al., 2024, https://arxiv.org/abs/2403.14541

    >>> [len(some) for some in edt_settings([Item("1", "Once")]).values()]
    [12, 12, 12, 12]
    """
    return EDT.run([source], items, out, **options)


class _Measured(NamedTuple):
    drawn: Drawn
    values: dict[str, dict[str, np.ndarray]]
    costs: list[Cost]


def _referenced(items: Sequence[Item]) -> list[Item]:
    bare = [item.id for item in items if not item.references]
    if bare:
        raise ValueError(f"quality needs references, and item {bare[0]!r} has none")
    return list(items)


def _families(plan: Plan) -> dict[str, list[Setting]]:
    found = edt_settings(plan.items, plan.quick)
    if plan.settings:
        found[FAMILIES[-1]] = list(plan.settings)
    return found


def _draws(plan: Plan) -> list[Setting]:
    return [setting for some in _families(plan).values() for setting in some]


def _measures(plan: Plan, drawn: Drawn) -> _Measured:
    families = _families(plan)
    compared = [some[0] for name, some in families.items() if name != FAMILIES[-1]]
    timed = costs(drawn.source, compared, rounds=5 if plan.quick else 11)
    return _Measured(drawn, measure(drawn.rows, plan.items), timed)


def _shows(plan: Plan, measured: list[_Measured]) -> Part:
    ((drawn, values, timed),) = measured
    families, items = _families(plan), plan.items
    every = _draws(plan)
    family = {setting.name: name for name, some in families.items() for setting in some}
    rows: list[dict[str, Any]] = [
        {"setting": s.name, "family": family[s.name]} | summary(values[s.name], SHOWN, plan.weight)
        for s in every
    ]
    best = [
        min((row for row in rows if row["family"] == name), key=lambda row: row["eda"]["value"])
        for name in families
    ]
    heads = {"setting": ("setting", None), "family": ("family", None)}
    heads |= {"eda": ("EDA, lower is better", "%")} | {name: COLUMNS[name] for name in SHOWN}
    tables, plots = instances(drawn.rows, items, families[FAMILIES[0]])
    chosen = [next(s for s in every if s.name == row["setting"]) for row in best]
    texts = side_by_side(drawn.source, chosen, items[:TEXTS], drawn.rows)
    return {
        "tables": [
            table(
                "settings",
                "All settings",
                f"Means over {len(items)} prompts with {plan.samples} texts each, and 95% "
                "bootstrap intervals over prompts.",
                heads,
                rows,
            ),
            table(
                "best",
                "The best of each family",
                "The setting with the lowest EDA. It was chosen by these numbers, so they look a "
                "little better than they are; the next table judges on other prompts.",
                heads,
                best,
            ),
            held_out(values, families, plan.weight),
            *tables,
            cost_table(timed),
        ],
        "charts": [
            front(rows, "rouge_l"),
            front(rows, "bleu"),
            *sensitivity(rows, families[FAMILIES[1]]),
            *plots,
            trace(texts[0]),
        ],
        "texts": texts,
        "notes": [
            f"EDA weighs quality by {plan.weight}. It is reported because the paper does. It is "
            "not a proper score: even a calibrated model has its best EDA away from T = 1.",
            "EDT uses the entropy of the raw model (T = 1), in nats, before any filter.",
        ],
    }


EDT = Protocol(
    name="edt",
    title="Quality and diversity under fixed and entropy-dependent temperature",
    about=ABOUT,
    draws=_draws,
    measures=_measures,
    shows=_shows,
    samples=(8, 4),
    prompts=(32, 8),
    takes=frozenset({"settings", "weight"}),
    reads=_referenced,
)
