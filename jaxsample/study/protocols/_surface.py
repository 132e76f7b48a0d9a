"""The study of entropy over temperature and top-p, and of a law that relates them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.measures._by_prompt import measure
from jaxsample.study.measures._exact import entropies
from jaxsample.study.protocols._protocol import Drawn, Options, Part, Plan, Protocol
from jaxsample.study.protocols._surface_law import law
from jaxsample.study.protocols._surface_tables import OWN, Surface, effects, grids
from jaxsample.study.show._results_folder import table
from jaxsample.study.show._texts import side_by_side
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.filters._truncation import TopP
from jaxsample.transforms.temperatures._temperature import Temperature

TEMPERATURES = tuple(round(0.1 * i, 1) for i in range(1, 16))
SHARES = tuple(round(0.1 * i, 1) for i in range(1, 11))
QUICK = (0.4, 0.7, 1.0, 1.3), (0.1, 0.4, 0.7, 1.0)
COLD = tuple(round(0.05 * i, 2) for i in range(1, 20))
# Dense near 1, where the entropy changes fast with p.
CUT = *(round(0.01 * i, 2) for i in range(100)), *(round(0.99 + 0.001 * i, 3) for i in range(1, 11))
TEXTS = 3  # the number of prompts whose texts are shown
ABOUT = """
Below 1, temperature T and top-p p both reduce entropy. The guides ask which of them reduces it more
at the same value, and whether one law relates them in all models. Entropy is measured in two ways.
On common contexts, which are texts that the model drew at T = 1 and p = 1, the entropy of every
pair (T, p) is computed from the probabilities. On the texts that each pair draws itself, entropy is
the mean of -log q. The texts of a model are in the folder of its name.
"""


def surface(
    sources: Sequence[Source], items: Sequence[Item], out: str | Path, **options: Unpack[Options]
) -> dict[str, Any]:
    """Measure entropy and diversity over a grid of temperature and top-p, for each model.

    The grid has 15 x 10 pairs, 4 x 4 if quick. It draws 3 texts of each prompt and pair, 2 if
    quick.

    Args:
        sources: models with their tokenizers.
        items: prompts, the same for every model; references are not used.
        out: the folder for results.json, tables and plots; the rows of each model are in a folder
            of its name there. An interrupted study resumes there.
        **options: see `Options`.

    Returns:
        The content of results.json.

    Raises:
        ValueError: if there is no model, or an argument is invalid.

    >>> len(TEMPERATURES), TEMPERATURES[-1], len(SHARES), SHARES[-1]
    (15, 1.5, 10, 1.0)
    """
    return SURFACE.run(sources, items, out, **options)


class _Measured(NamedTuple):
    source: Source
    surface: Surface
    texts: list[dict[str, Any]]


def _bare(items: Sequence[Item]) -> list[Item]:
    # Without references, `measure` skips the comparison, which would take most of its time.
    return [item._replace(references=()) for item in items]


def _grid(plan: Plan) -> tuple[Sequence[float], Sequence[float]]:
    return QUICK if plan.quick else (TEMPERATURES, SHARES)


def _draws(plan: Plan) -> list[Setting]:
    temperatures, shares = _grid(plan)
    return [_setting(t, p) for t in temperatures for p in shares]


def _measures(plan: Plan, drawn: Drawn) -> _Measured:
    temperatures, shares = _grid(plan)
    found = measure(drawn.rows, plan.items)
    own = {
        one: np.asarray([[found[_setting(t, p).name][one] for p in shares] for t in temperatures])
        for one in OWN
    }
    plain = [row for row in drawn.rows if row["setting"] == _setting(1.0, 1.0).name]
    exact = _exact(drawn.source, plan.items, plain, temperatures, shares, plan.progress)
    measured = Surface(drawn.name, drawn.folder, temperatures, shares, own, *exact)
    middle = min(set(temperatures) & set(shares), key=lambda v: abs(v - 0.5))
    shown = [_setting(*pair) for pair in ((middle, 1.0), (1.0, middle), (1.0, 1.0))]
    texts = side_by_side(drawn.source, shown, plan.items[:TEXTS], drawn.rows)
    return _Measured(drawn.source, measured, texts)


def _shows(plan: Plan, measured: list[_Measured]) -> Part:
    surfaces = [one.surface for one in measured]
    found: Part = {kind: [] for kind in ("tables", "charts", "texts", "notes")}
    for part in (effects(surfaces), law(surfaces, COLD, CUT), grids(surfaces, plan.samples)):
        for kind, some in part.items():
            found[kind] += some
    found["tables"].append(_models(measured))
    for _, model, texts in measured:
        for text in texts:
            label = text["item"] if len(measured) == 1 else f"{text['item']}, {model.name}"
            found["texts"].append(text | {"item": label})
    return found


def _setting(t: float, p: float) -> Setting:
    return Setting(f"T {t}, p {p}", chain(Temperature(t), TopP(p)))


def _models(measured):
    heads = {"model": ("model", None), "parameters": ("parameters", None)}
    heads |= {"vocabulary": ("vocabulary", None), "digest": ("sha256 of the weights", None)}
    rows = [
        {
            "model": one.surface.name,
            "parameters": one.source.parameters,
            "vocabulary": one.source.tokenizer.get_vocab_size(),
            "digest": one.source.digest,
        }
        for one in measured
    ]
    return table("models", "The models", "The models that were measured.", heads, rows)


def _exact(
    source: Source,
    items: Sequence[Item],
    rows: Sequence[Row],
    temperatures: Sequence[float],
    shares: Sequence[float],
    progress: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean entropy over the tokens of each prompt's texts.

    Returns:
        The means of the grid `[T, P, I]`, of `COLD` at p = 1 `[.., I]` and of `CUT` at T = 1
        `[.., I]`.
    """
    every_t, every_p = sorted({*temperatures, *COLD}), sorted({*shares, *CUT})
    prompts = [source.encode(row["prompt"]) for row in rows]
    texts = [row["tokens"] for row in rows]
    place = {item.id: i for i, item in enumerate(items)}
    sums = np.zeros((len(every_t), len(every_p), len(items)))
    counts = np.zeros(len(items))
    read = entropies(source, every_t, every_p, prompts, texts, progress=progress)
    for row, seen in zip(rows, read, strict=True):
        sums[..., place[row["item"]]] += seen.sum(0, dtype=np.float64)
        counts[place[row["item"]]] += len(seen)
    means = sums / counts
    grid = means[[every_t.index(t) for t in temperatures]]
    grid = grid[:, [every_p.index(p) for p in shares]]
    cold = means[[every_t.index(t) for t in COLD], every_p.index(1.0)]
    return grid, cold, means[every_t.index(1.0), [every_p.index(p) for p in CUT]]


SURFACE = Protocol(
    name="surface",
    title="Entropy and diversity over temperature and top-p",
    about=ABOUT,
    draws=_draws,
    measures=_measures,
    shows=_shows,
    samples=(3, 2),
    prompts=(24, 8),
    takes=frozenset({"models"}),
    reads=_bare,
)
