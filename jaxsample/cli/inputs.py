"""The prompts of a study: the user's file, or openings of stories for the embedded model."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jaxsample.study import Item, Source

PANEL = "Prompts"

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Prompts: a .jsonl or .csv file, or a datasets folder; openings of stories by "
        "default, for the embedded model.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
PromptField = Annotated[
    str,
    typer.Option("--prompt-field", metavar="NAME", help="Holds the prompt.", rich_help_panel=PANEL),
]
ReferenceField = Annotated[
    str,
    typer.Option(
        "--reference-field",
        metavar="NAME",
        help="Holds the reference, or a list of them.",
        rich_help_panel=PANEL,
    ),
]
WithoutField = Annotated[
    str | None,
    typer.Option(
        "--without-field",
        metavar="NAME",
        help="Holds the prompt without its source, for KL-guided temperature.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
IdField = Annotated[
    str | None,
    typer.Option(
        "--id-field",
        metavar="NAME",
        help="Holds a name of the prompt; its number by default.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME",
        help="Of a datasets folder that has several.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Take the first N prompts.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Leave out lines that make no sense.", rich_help_panel=PANEL),
]


@dataclasses.dataclass(frozen=True)
class PromptFlags:
    """What was given of the flags above."""

    data: Path | None
    prompt: str
    reference: str
    without: str | None
    id: str | None
    split: str | None
    limit: int | None
    skip_bad: bool

    def items(self, source: Source, count: int) -> list[Item]:
        """Read the prompts; `count` openings of stories where no file was given.

        Raises:
            ValueError: if the file makes no sense, or is missing for a model of the user's.
        """
        from jaxsample.cli.opening import EMBEDDED

        if self.data is None:
            if source.name != EMBEDDED:
                raise ValueError(f"--data: {source.name} has no prompts of its own; give a file")
            from jaxsample.cli.stories import openings

            return openings(self.limit or count)
        from jaxsample.study import read

        found = read(
            self.data,
            prompt=self.prompt,
            reference=self.reference,
            without=self.without,
            id=self.id,
            split=self.split,
            limit=self.limit,
            skip_bad=self.skip_bad,
        )
        for line, reason in found.skipped.items():
            print(f"skipped line {line} of {self.data}: {reason}", file=sys.stderr)
        return found.items
