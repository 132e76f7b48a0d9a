"""Tables and charts of the nuclei study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxsample.study.show._cells import mean_cell
from jaxsample.study.show._results_folder import chart, table
from jaxsample.study.show.charts._curves import line_chart
from jaxsample.study.show.charts._marks import heat_map

FEW = 64  # a draw first looks for the edge of a nucleus among so many of the largest logits
LIKELY = 0.01  # a cut token of this probability was a real alternative
BIN = 8  # neighbouring positions whose mean is a point of a curve
LONGEST = 96  # positions of the text that is shown
KEPT, CUT = 0, 1
LOG = "tokens kept, log10"


class Nuclei(NamedTuple):
    """The nuclei at every position of texts.

    Attributes:
        name: the name of the model.
        temperatures, shares: the T temperatures and the P values of top-p.
        vocabulary: the number of tokens.
        of_text: `[N]`, the number of the prompt of each text.
        texts: N arrays `[length, T, P, 2]`, see `measures._exact.nuclei`.
    """

    name: str
    temperatures: Sequence[float]
    shares: Sequence[float]
    vocabulary: int
    of_text: np.ndarray
    texts: list[np.ndarray]

    def at(self, t: float, p: float, number: int = KEPT) -> list[np.ndarray]:
        """Return the sizes, or what is cut, of a pair for each text, `[length]` each."""
        i, j = self.temperatures.index(t), self.shares.index(p)
        return [text[:, i, j, number] for text in self.texts]

    def shared(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Return the means `[I]` over the positions of each prompt's texts."""
        return np.asarray(
            [
                np.concatenate([v for v, k in zip(values, self.of_text, strict=True) if k == i])
                .astype(np.float64)
                .mean()
                for i in np.unique(self.of_text)
            ]
        )


def pairs_table(found: Nuclei) -> dict[str, Any]:
    """Make the table of all pairs."""
    rows = []
    for t in found.temperatures:
        for p in found.shares:
            sizes, cut = found.at(t, p), found.at(t, p, CUT)
            every = np.concatenate(sizes)
            low, middle, high, most = np.percentile(every, [25, 50, 95, 100])
            rows.append(
                {"temperature": t, "top_p": p, "quarter": low, "median": middle, "high": high}
                | {"most": most, "one": mean_cell(found.shared([s == 1 for s in sizes]))}
                | {"few": mean_cell(found.shared([s <= FEW for s in sizes]))}
                | {"likely": mean_cell(found.shared([c >= LIKELY for c in cut]))}
            )
    heads: dict[str, tuple[str, str | None]] = {
        "temperature": ("T", None),
        "top_p": ("p", None),
        "quarter": ("25% keep at most", "tokens"),
        "median": ("median", "tokens"),
        "high": ("95% keep at most", "tokens"),
        "most": ("most", "tokens"),
        "one": ("keep a single token", "share"),
        "few": (f"keep at most {FEW}", "share"),
        "likely": (f"cut a token of {LIKELY:.0%} or more", "share"),
    }
    caption = (
        f"Sizes of nuclei over all positions of the texts, of {found.vocabulary} tokens. The "
        "shares are means over prompts with 95% intervals. The probability of a cut token is that "
        "of the model at temperature 1."
    )
    return table("nuclei", "Nuclei by temperature and top-p", caption, heads, rows)


def charts(found: Nuclei) -> list[dict[str, Any]]:
    """Plot the sizes over one text, over positions, as a distribution, and over the grid."""
    of_p = {f"p {p:g}": found.at(1.0, p) for p in found.shares if p >= 0.5}
    across = f"position in the text, means of {BIN}"
    p = min(found.shares, key=lambda p: abs(p - 0.95))
    of_t = {f"T {t:g}": found.at(t, p) for t in found.temperatures}
    first = [{"x": i, "y": float(y), "series": name}
             for name, texts in of_p.items() if name in _three(of_p)
             for i, y in enumerate(np.log10(texts[0][:LONGEST]))]  # fmt: skip
    steps = np.unique(np.logspace(0, np.log10(found.vocabulary), 60).round())
    spread = [
        {"x": float(np.log10(s)), "y": float(np.mean(np.concatenate(texts) <= s)), "series": name}
        for name, texts in of_p.items()
        for s in steps
    ]
    return [
        chart("text", "The nuclei of one text",
              f"Tokens kept at T = 1 at each position of the first text of {found.name}.",
              line_chart(first, "position in the text", LOG)),
        chart("positions", "Nuclei over positions, by top-p",
              "Geometric mean of the tokens kept at T = 1 over all texts, with 95% intervals over "
              "prompts.", line_chart(_binned(found, of_p), across, LOG)),
        chart("temperatures", "Nuclei over positions, by temperature",
              f"Geometric mean of the tokens kept at p = {p:g} over all texts, with 95% intervals "
              "over prompts.", line_chart(_binned(found, of_t), across, LOG)),
        chart("sizes", "How large nuclei are",
              "Share of the positions of all texts whose nucleus has at most so many tokens, at "
              "T = 1.", line_chart(spread, LOG, "share of positions")),
        chart("few", f"Nuclei of at most {FEW} tokens",
              f"Share of positions whose nucleus has at most {FEW} tokens, by T and p.",
              heat_map(_heat(found, lambda sizes: np.mean(sizes <= FEW)), "temperature T",
                       "top-p p", "share of positions")),
        chart("median", "The median nucleus",
              "Median of the tokens kept over all positions, by T and p.",
              heat_map(_heat(found, np.median), "temperature T", "top-p p", "tokens")),
    ]  # fmt: skip


def notes(found: Nuclei) -> list[str]:
    """Say when top-p is cheap and what it cuts."""
    p = min(found.shares, key=lambda p: abs(p - 0.95))
    sizes, cut = found.at(1.0, p), found.at(1.0, p, CUT)
    small, single = (float(np.mean(found.shared([s <= n for s in sizes]))) for n in (FEW, 1))
    likely = float(np.mean(found.shared([c >= LIKELY for c in cut])))
    every = np.concatenate(sizes)
    return [
        f"A draw first looks for the edge of a nucleus among the {FEW} largest logits. It reads "
        "the whole row only if the nucleus is larger. At T = 1 and "
        f"p = {p:g} the nucleus has at most {FEW} tokens at {small:.0%} of the positions, and a "
        f"single one at {single:.0%}. The median is {np.median(every):.0f} tokens, the largest "
        f"{every.max():.0f} of {found.vocabulary}.",
        f"With these settings it cuts a token of {LIKELY:.0%} or more at {likely:.0%} of the "
        "positions.",
        "The texts were drawn at T = 1 and p = 1, and all pairs are computed on them. Texts drawn "
        "with another pair would have other positions, with less entropy at a lower temperature.",
    ]


def _three(names):
    names = list(names)
    return {names[0], names[len(names) // 2], names[-1]}


def _binned(found, series):
    points = []
    for name, texts in series.items():
        shortest = min(max(map(len, texts)), LONGEST)
        for start in range(0, shortest - BIN + 1, BIN):
            here = [np.log10(text[start : start + BIN]) for text in texts]
            whole = [(v, k) for v, k in zip(here, found.of_text, strict=True) if len(v) == BIN]
            if not whole:
                continue
            kept = found._replace(of_text=np.asarray([k for _, k in whole]))
            mean = mean_cell(kept.shared([v for v, _ in whole]))
            low, high = mean["ci"] or (None, None)
            points.append({"x": start + BIN / 2, "y": mean["value"], "series": name}
                          | {"low": low, "high": high})  # fmt: skip
    return points


def _heat(found, of):
    return [
        {"x": t, "y": p, "value": float(of(np.concatenate(found.at(t, p))))}
        for t in found.temperatures
        for p in found.shares
    ]
