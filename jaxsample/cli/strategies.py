"""The flags of generate that choose another way to decode: a draft, beams, different texts."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any

import typer

PANEL = "Ways to decode"
LOOKUP = "lookup"
AHEAD = 4


def _option(flag: str, text: str, metavar: str | None = None, **more: Any) -> Any:
    return typer.Option(
        flag, help=text, metavar=metavar, rich_help_panel=PANEL, show_default=False, **more
    )


DraftFlag = Annotated[
    str | None,
    _option(
        "--draft",
        "Let a draft propose tokens, which changes the time and not the text: a smaller model with "
        "the same vocabulary, or lookup, which copies from the text. The text is shown at its end.",
        "MODEL|lookup",
    ),
]
Ahead = Annotated[
    int | None,
    _option("--ahead", "How many tokens the draft proposes at a time; 4 by default.", "K", min=1),
]
BeamsFlag = Annotated[
    int | None,
    _option(
        "--beams",
        "Search for the likeliest texts with N beams, and show the best; -n shows more of them.",
        "N",
        min=1,
    ),
]
LengthPenalty = Annotated[
    float | None,
    _option(
        "--length-penalty",
        "Rank the texts of --beams by log-probability / length ** X; 1 by default.",
        "X",
    ),
]
EarlyStopping = Annotated[
    bool,
    _option("--early-stopping", "End the search of --beams as soon as N texts are finished."),
]
WithoutReplacement = Annotated[
    bool,
    _option("--without-replacement", "Draw texts that all differ; -n says how many."),
]


@dataclasses.dataclass(frozen=True)
class Strategy:
    """The values of the flags above."""

    draft: str | None = None
    ahead: int | None = None
    beams: int | None = None
    length_penalty: float | None = None
    early_stopping: bool = False
    without_replacement: bool = False

    def check(self, samples: int, seed: int | None) -> None:
        """Refuse flags that do not go together.

        Raises:
            ValueError: if there are such flags. The message names them.
        """
        ways = {
            "--draft": self.draft is not None,
            "--beams": self.beams is not None,
            "--without-replacement": self.without_replacement,
        }
        given = [flag for flag, wanted in ways.items() if wanted]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; give one of them")
        for flag, wanted, way in (
            ("--ahead", self.ahead is not None, "--draft"),
            ("--length-penalty", self.length_penalty is not None, "--beams"),
            ("--early-stopping", self.early_stopping, "--beams"),
        ):
            if wanted and not ways[way]:
                raise ValueError(f"{flag} belongs to {way}; give both")
        if self.length_penalty is not None and not math.isfinite(self.length_penalty):
            raise ValueError(f"--length-penalty must be finite, got {self.length_penalty}")
        if self.beams is None:
            return
        if seed is not None:
            raise ValueError("--seed does not go with --beams, which draws nothing at random")
        if samples > self.beams:
            raise ValueError(f"-n {samples} texts need as many --beams, got {self.beams}")


PLAIN = Strategy()
