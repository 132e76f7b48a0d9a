"""Does temperature or top-p move entropy more at one value, and is there a law across models?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxsample.study.draw._data import Item
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source
from jaxsample.study.draw._store import Row
from jaxsample.study.draw._sweep import sweep
from jaxsample.study.measure._exact import entropies
from jaxsample.study.measure._measures import measure
from jaxsample.study.protocols._surface_law import law
from jaxsample.study.protocols._surface_tables import OWN, Surface, effects, grids
from jaxsample.study.show._folder import results, table, write
from jaxsample.study.show._texts import side_by_side
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.filters._truncation import TopP
from jaxsample.transforms.temperatures._temperature import Temperature

TEMPERATURES = tuple(round(0.1 * i, 1) for i in range(1, 16))
SHARES = tuple(round(0.1 * i, 1) for i in range(1, 11))
QUICK = (0.4, 0.7, 1.0, 1.3), (0.1, 0.4, 0.7, 1.0)
COLD = tuple(round(0.05 * i, 2) for i in range(1, 20))
# Close together near 1, where little p is much entropy.
CUT = *(round(0.01 * i, 2) for i in range(100)), *(round(0.99 + 0.001 * i, 3) for i in range(1, 11))
TEXTS = 3  # prompts whose texts are shown
ABOUT = """
Temperature T and top-p p both take entropy away below 1. The guides ask which of them takes more at
the same value, and whether one law ties them together in all models. Entropy is measured twice: on
common contexts, texts the model drew at T = 1, p = 1, where the entropy of every pair (T, p) is
computed from its probabilities, and on the texts each pair itself draws, as the mean of -log q. The
texts of a model are in the folder of its name.
"""


def surface(
    sources: Sequence[Source],
    items: Sequence[Item],
    out: str | Path,
    *,
    samples: int | None = None,
    max_new_tokens: int | None = None,
    batch_size: int = 128,
    quick: bool = False,
    command: str = "jaxsample.study.surface",
    progress: bool = False,
) -> dict[str, Any]:
    """Measure entropy and diversity over a grid of temperature and top-p, for each model.

    Args:
        sources: models with their tokenizers.
        items: prompts, the same for every model; references are not used.
        out: a folder for results.json, tables and plots; the rows of a model go into a folder of
            its name there. What is there is gone on with.
        samples: texts per prompt and pair, 2 or more; 3 by default, 2 if quick.
        max_new_tokens: see `sweep`.
        batch_size: rows decoded at once.
        quick: a grid of 4 x 4 for 15 x 10.
        command: what the results say they were made by.
        progress: show bars.

    Returns:
        what was written to results.json.

    Raises:
        ValueError: if there is no model, or an argument makes no sense.

    >>> len(TEMPERATURES), TEMPERATURES[-1], len(SHARES), SHARES[-1]
    (15, 1.5, 10, 1.0)
    """
    if not sources:
        raise ValueError("there is no model to measure")
    samples = (2 if quick else 3) if samples is None else samples
    if samples < 2:
        raise ValueError(f"diversity needs 2 or more samples of a prompt, got {samples}")
    temperatures, shares = QUICK if quick else (TEMPERATURES, SHARES)
    settings = {(t, p): _setting(t, p) for t in temperatures for p in shares}
    middle = min(set(temperatures) & set(shares), key=lambda v: abs(v - 0.5))
    shown = [settings[pair] for pair in ((middle, 1.0), (1.0, middle), (1.0, 1.0))]
    # Nothing here compares a text with a reference, which takes as long as all the rest.
    bare = [item._replace(references=()) for item in items]
    found = results(
        sources[0],
        "surface",
        "Entropy and diversity over temperature and top-p",
        ABOUT,
        command=command,
        quick=quick,
    )
    measured = []
    for source, (name, folder) in zip(sources, _names(sources), strict=True):
        rows = sweep(
            source,
            list(settings.values()),
            bare,
            samples=samples,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            out=Path(out) / folder,
            progress=progress,
        ).rows
        found_own = measure(rows, bare)
        own = {
            one: np.asarray(
                [[found_own[settings[t, p].name][one] for p in shares] for t in temperatures]
            )
            for one in OWN
        }
        plain = [row for row in rows if row["setting"] == settings[1.0, 1.0].name]
        exact = _exact(source, bare, plain, temperatures, shares, progress)
        measured.append(Surface(name, folder, temperatures, shares, own, *exact))
        for text in side_by_side(source, shown, bare[:TEXTS], rows):
            label = text["item"] if len(sources) == 1 else f"{text['item']}, {name}"
            found["texts"].append(text | {"item": label})
    for part in (effects(measured), law(measured, COLD, CUT), grids(measured, samples)):
        for kind, some in part.items():
            found[kind] += some
    found["tables"].append(_models(sources, measured))
    write(out, found)
    return found


def _setting(t: float, p: float) -> Setting:
    return Setting(f"T {t}, p {p}", chain(Temperature(t), TopP(p)))


def _models(sources, measured):
    heads = {"model": ("model", None), "parameters": ("parameters", None)}
    heads |= {"vocabulary": ("tokens it knows", None), "digest": ("sha256 of its weights", None)}
    rows = [
        {
            "model": one.name,
            "parameters": source.parameters,
            "vocabulary": source.tokenizer.get_vocab_size(),
            "digest": source.digest,
        }
        for source, one in zip(sources, measured, strict=True)
    ]
    return table("models", "The models", "What was measured.", heads, rows)


def _names(sources: Sequence[Source]) -> list[tuple[str, str]]:
    """Return for each model a name and a folder that no other has."""
    found: list[tuple[str, str]] = []
    for source in sources:
        folder = re.sub(r"[^\w.-]+", "_", source.name).strip("._") or "model"
        name, number = (source.name, folder), 1
        while {part.lower() for part in name} & {part.lower() for pair in found for part in pair}:
            number += 1
            name = f"{source.name} ({number})", f"{folder}_{number}"
        found.append(name)
    return found


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
        of the grid `[T, P, I]`, of `COLD` at p = 1 `[.., I]` and of `CUT` at T = 1 `[.., I]`.
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
