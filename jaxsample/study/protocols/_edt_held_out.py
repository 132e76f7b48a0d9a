"""The families judged on prompts that were not used to choose their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxsample.study.draw._settings import Setting
from jaxsample.study.measures._correlations import holm
from jaxsample.study.measures.metrics import eda
from jaxsample.study.show._cells import RESAMPLES, difference_cell
from jaxsample.study.show._results_folder import cell, table

JUDGED = "rouge_l", "bleu", "self_bleu"
SWAPS = 2000  # of the p-value
TRADES = 0.5, 1.0, 2.0  # the weights of quality, as multiples of that of the study

Values = Mapping[str, Mapping[str, np.ndarray]]


def held_out(
    values: Values, families: Mapping[str, Sequence[Setting]], weight: float
) -> dict[str, Any]:
    """Make the table that compares each family with the first one, on held-out prompts.

    The setting with the best EDA on the even prompts is judged on the odd prompts, and the reverse,
    so every prompt is judged once. Several weights of quality in the EDA cover the trade-off
    between quality and diversity.

    At the weight of the study the differences in EDA have p-values, corrected for the number of
    families by Holm's rule. A single prompt has no other that could judge, so its differences stay
    empty.

    Args:
        values: `measure` of the rows.
        families: the settings of each family; the others are compared with the first family.
        weight: the weight of quality in the EDA of the study.
    """
    baseline, *others = families
    alone = len(values[families[baseline][0].name]["rouge_l"]) < 2
    rows: list[dict[str, Any]] = []
    for trade in (weight * times for times in TRADES):
        ours = {name: judged(values, some, trade) for name, some in families.items()}
        here = [_row(name, trade, ours[name], ours[baseline], alone) for name in others]
        if trade == weight and not alone:
            p = [_swapped(ours[name][1], ours[baseline][1], trade) for name in others]
            for row, corrected in zip(here, holm(p).tolist(), strict=True):
                row["holm"] = corrected
        rows += here
    heads = {
        "family": ("family", None),
        "weight": ("weight of quality", None),
        "settings": ("chosen settings", None),
        "against": ("against", None),
        "eda": ("difference in EDA, below 0 is better", "%"),
        "holm": ("p of EDA, corrected", None),
        "rouge_l": ("in ROUGE-L F1", "%"),
        "bleu": ("in BLEU of a sentence", "%"),
        "self_bleu": ("in Self-BLEU", "%"),
    }
    if alone:
        caption = "One prompt cannot choose and judge, so no difference is given."
        return table("held_out", "Settings that one prompt chose", caption, heads, rows)
    caption = (
        f"Each family minus {baseline}. The setting of the lowest EDA on one half of the prompts "
        "is judged on the other half, and the reverse. Intervals are 95% paired bootstrap "
        "intervals over prompts, for the settings that were chosen, each by itself. At the weight "
        "of the study, p is that of swapping the two families at random in each prompt, corrected "
        f"for {len(others)} families by Holm's rule."
    )
    return table("held_out", "Judged on other prompts", caption, heads, rows)


def judged(
    values: Values, settings: Sequence[Setting], weight: float
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the best settings on even and on odd prompts, and measures on the other half.

    Returns:
        Two names, and `[I]` for each measure: a prompt has the value of the setting that the other
        half chose.
    """
    count = len(values[settings[0].name]["rouge_l"])
    even = np.arange(count) % 2 == 0
    halves = (even, ~even) if count > 1 else (even, even)
    names = [
        min((s.name for s in settings), key=lambda name: _eda(values[name], half, weight))
        for half in halves
    ]
    first, second = (values[name] for name in names)
    return names, {name: np.where(even, second[name], first[name]) for name in JUDGED}


def _row(name, weight, ours, theirs, alone):
    (chosen, own), (others, base) = ours, theirs
    row = {
        "family": name,
        "weight": weight,
        "settings": "; ".join(dict.fromkeys(chosen)),
        "against": "; ".join(dict.fromkeys(others)),
    }
    if alone:
        return row
    return row | {
        "eda": _difference(own, base, weight),
        **{measure: difference_cell(own[measure], base[measure]) for measure in JUDGED},
    }


def _difference(own, base, weight):
    """Make the cell of the difference in EDA; a resample holds the same prompts on both sides."""
    count = len(own["rouge_l"])
    everyone = np.arange(count)
    value = _eda(own, everyone, weight) - _eda(base, everyone, weight)
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    apart = [_eda(own, some, weight) - _eda(base, some, weight) for some in drawn]
    low, high = np.percentile(apart, [2.5, 97.5])
    return cell(value, (float(low), float(high)))


def _swapped(own, base, weight):
    """Return the two-sided p-value of a difference in EDA under swaps of the sides of prompts."""
    everyone = np.arange(len(own["rouge_l"]))
    least = abs(_eda(own, everyone, weight) - _eda(base, everyone, weight))
    swaps = np.random.default_rng(1).random((SWAPS, len(everyone))) < 0.5
    reached = 0
    for swap in swaps:
        a, b = (
            {name: np.where(swap, y[name], x[name]) for name in JUDGED}
            for x, y in ((own, base), (base, own))
        )
        # Sums in another order may differ in the last bits.
        apart = abs(_eda(a, everyone, weight) - _eda(b, everyone, weight))
        reached += apart >= least - 1e-9
    return (1 + reached) / (1 + SWAPS)


def _eda(measured, some, weight):
    quality, similarity = (measured[name][some].mean() for name in ("rouge_l", "self_bleu"))
    return eda(float(quality), float(similarity), weight)
