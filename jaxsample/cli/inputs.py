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
        help="Use only N prompts: the first ones, or with --spread evenly spaced ones.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Skip lines that cannot be read.", rich_help_panel=PANEL),
]
Gather = Annotated[
    bool,
    typer.Option(
        "--gather",
        help="Merge lines with the same prompt into one prompt with all references.",
        rich_help_panel=PANEL,
    ),
]
Spread = Annotated[
    bool,
    typer.Option(
        "--spread",
        help="Take the N prompts of --limit evenly from the whole file.",
        rich_help_panel=PANEL,
    ),
]
Chat = Annotated[
    bool,
    typer.Option(
        "--chat",
        help="Each prompt is a message of a user, in the model's chat template.",
        rich_help_panel=PANEL,
    ),
]
System = Annotated[
    str | None,
    typer.Option(
        "--system",
        metavar="TEXT",
        help="The system message, with --chat.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Shots = Annotated[
    Path | None,
    typer.Option(
        "--shots",
        metavar="FILE",
        help="File of examples with the fields of --data. With --chat, they precede each prompt "
        "as answered messages. The model reads them once for all prompts.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
ShotCount = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="How many examples, taken evenly from the whole file.",
        rich_help_panel=PANEL,
    ),
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
    gather: bool = False
    spread: bool = False
    chat: bool = False
    system: str | None = None
    shots: Path | None = None
    shot_count: int = 4

    def __post_init__(self):
        for name in ("system", "shots"):
            if getattr(self, name) is not None and not self.chat:
                raise ValueError(f"--{name} belongs to a conversation; add --chat")
        if self.chat and self.data is None:
            raise ValueError("--chat needs prompts from a file; add --data FILE")

    def items(self, source: Source, count: int) -> list[Item]:
        """Read the prompts, or make `count` openings of stories if no file was given.

        Raises:
            ValueError: if a file cannot be read, no file was given for a model other than the
                embedded one, or the model has no chat template.
        """
        from jaxsample.cli.opening import EMBEDDED

        if self.data is None:
            if source.name != EMBEDDED:
                raise ValueError(f"--data: {source.name} has no default prompts; give a file")
            from jaxsample.cli.stories import openings

            return openings(self.limit or count)
        items = self._read(self.data, self.limit, self.spread)
        if not self.chat:
            return items
        from jaxsample.study import few_shot

        shots = [] if self.shots is None else self._read(self.shots, self.shot_count, True)
        return few_shot(source, items, shots, system=self.system)

    def _read(self, path: Path, limit: int | None, spread: bool) -> list[Item]:
        from jaxsample.study import read

        found = read(
            path,
            prompt=self.prompt,
            reference=self.reference,
            without=self.without,
            id=self.id,
            split=self.split,
            limit=limit,
            skip_bad=self.skip_bad,
            gather=self.gather,
            spread=spread,
        )
        for line, reason in found.skipped.items():
            print(f"skipped line {line} of {path}: {reason}", file=sys.stderr)
        return found.items
