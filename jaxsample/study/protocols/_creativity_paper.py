"""The prompt of the creativity paper, and its claims beside the correlations of a study."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jaxsample.interop import Text
from jaxsample.study.draw._data import Item
from jaxsample.study.draw._source import Source
from jaxsample.study.measures._exemplar import JUDGED, MEASURES
from jaxsample.study.show._results_folder import cell, table

ASKED = "Write a story."
BEGUN = "Here it is:\n\n"  # in the paper, the model's turn begins with this
WIDE = 1.96


class Claim(NamedTuple):
    """A claim of the paper about ratings by people.

    Attributes:
        said: how temperature is related to the rating.
        slope, error: the rating per unit of temperature in a linear mixed model of 180 ratings on a
            scale of 1 to 5, and its standard error.
        measures: the measures of a text that stand for the rating here.
        reverse: those of them that are low where the rating is high.
    """

    said: str
    slope: float
    error: float
    measures: tuple[str, ...]
    reverse: tuple[str, ...] = ()


CLAIMS = {
    "novelty": Claim("weakly higher", 0.308, 0.138, ("words", "characters")),
    "typicality": Claim("no relation", -0.095, 0.118, ("likelihood", "central")),
    "cohesion": Claim("no relation", -0.181, 0.112, ("agreement", "shared")),
    "incoherence": Claim(
        "moderately higher", 0.240, 0.122, ("grammatical", "perplexity"), reverse=("grammatical",)
    ),
}


def story_item(source: Source) -> Item:
    """Return the prompt of the paper, written by the model's chat template.

    A model without a template gets an empty prompt.

    Raises:
        ImportError: if the model has a template and jinja2 is not installed.
    """
    checkpoint = source.checkpoint
    if getattr(checkpoint, "chat_template", None) is None:
        return Item("story", "")
    asked = [{"role": "user", "content": ASKED}]
    return Item("story", Text.of(checkpoint).chat(asked) + BEGUN)


def beside_the_paper(correlations: Mapping[str, Any], measured: Collection[str]) -> dict[str, Any]:
    """Make a table of the paper's claims, each beside the correlations of its proxies.

    Args:
        correlations: the table of correlations with temperature.
        measured: the names of the measures in it, in the order of its rows.
    """
    found = dict(zip(measured, correlations["rows"], strict=True))
    titles = MEASURES | JUDGED
    rows = []
    for rating, claim in CLAIMS.items():
        wide = WIDE * claim.error
        slope = cell(claim.slope, (claim.slope - wide, claim.slope + wide))
        about = {"rating": rating, "said": claim.said, "slope": slope}
        rows += [
            about
            | {
                "measure": f"{'minus ' if name in claim.reverse else ''}{titles[name][0]}",
                "rho": _signed(found[name]["spearman"], name in claim.reverse),
                "p": found[name]["spearman_holm"],
            }
            for name in claim.measures
            if name in found
        ]
    heads: dict[str, tuple[str, str | None]] = {
        "rating": ("rating by people", None),
        "said": ("with temperature, in the paper", None),
        "slope": ("the paper's slope", "rating per unit of T"),
        "measure": ("measure used here", None),
        "rho": ("Spearman's rho with temperature, here", None),
        "p": ("p, corrected", None),
    }
    caption = (
        "The claims of Peeperkorn et al., and what this study finds. The slopes are those of the "
        "paper's linear mixed models, with 95% intervals of 1.96 standard errors. The paper made "
        "16 such tests; after Holm's correction none is significant. The slope of a rating and the "
        "correlation of a proxy have different scales, so compare only their signs."
    )
    return table("paper", "Beside the paper's claims", caption, heads, rows)


def _signed(one: Mapping[str, Any], reverse: bool) -> Mapping[str, Any]:
    if not reverse:
        return one
    return cell(-one["value"], one["ci"] and (-one["ci"][1], -one["ci"][0]))
