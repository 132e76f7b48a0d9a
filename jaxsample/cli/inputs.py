"""The prompts of sweeps and studies: a file, or openings of stories for the embedded model."""

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
        help="The prompts: a .jsonl, .csv or .txt file, or a folder of the datasets package. By "
        "default openings of stories, for the embedded model.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
PromptField = Annotated[
    str,
    typer.Option(
        "--prompt-field", metavar="NAME", help="The field of the prompt.", rich_help_panel=PANEL
    ),
]
ReferenceField = Annotated[
    str,
    typer.Option(
        "--reference-field",
        metavar="NAME",
        help="The field of the reference, a text or a list of texts.",
        rich_help_panel=PANEL,
    ),
]
WithoutField = Annotated[
    str | None,
    typer.Option(
        "--without-field",
        metavar="NAME",
        help="The field of the prompt without its source, for KL-guided temperature.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
IdField = Annotated[
    str | None,
    typer.Option(
        "--id-field",
        metavar="NAME",
        help="The field of an id. By default prompts are numbered.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME",
        help="The split of a datasets folder that has several.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Use only the first N prompts.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Skip lines that cannot be read.", rich_help_panel=PANEL),
]


@dataclasses.dataclass(frozen=True)
class PromptFlags:
    """The values of the flags above."""

    data: Path | None
    prompt: str
    reference: str
    without: str | None
    id: str | None
    split: str | None
    limit: int | None
    skip_bad: bool

    def items(self, source: Source, count: int) -> list[Item]:
        """Read the prompts, or make `count` openings of stories if no file was given.

        Raises:
            ValueError: if the file cannot be read, or no file was given for a model other than the
                embedded one.
        """
        from jaxsample.cli.opening import EMBEDDED

        if self.data is None:
            if source.name != EMBEDDED:
                raise ValueError(f"--data: {source.name} has no default prompts; give a file")
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
