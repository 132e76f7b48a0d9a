"""The commands that draw many texts: a sweep, and the studies."""

from __future__ import annotations

import enum
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from jaxsample.cli import inputs


class Protocol(enum.StrEnum):
    """The studies."""

    edt = "edt"
    creativity = "creativity"
    surface = "surface"
    presets = "presets"


Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="A model folder in the Hugging Face layout; the embedded story model by default.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Where everything goes; a run that was cut off goes on there.",
    ),
]
MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens",
        min=1,
        metavar="N",
        help="Most tokens of a text; by default 128, or fewer where the model's context ends.",
        show_default=False,
    ),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, metavar="B", help="Texts decoded at once.")
]


def sweep(
    settings: Annotated[
        Path,
        typer.Argument(
            metavar="SETTINGS", help="Named chains, in TOML or Python.", show_default=False
        ),
    ],
    out: Out,
    model: Model = None,
    data: inputs.Data = None,
    prompt_field: inputs.PromptField = "prompt",
    reference_field: inputs.ReferenceField = "reference",
    without_field: inputs.WithoutField = None,
    id_field: inputs.IdField = None,
    split: inputs.Split = None,
    limit: inputs.Limit = None,
    skip_bad: inputs.SkipBad = False,
    samples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Texts of a setting, prompt and seed.")
    ] = 1,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, max=2**32 - 1, metavar="S", help="Give more to draw more; 0 if none."),
    ] = None,
    max_new_tokens: MaxNewTokens = None,
    batch_size: BatchSize = 64,
    format: Annotated[str, typer.Option(metavar="jsonl|parquet", help="Of the rows.")] = "jsonl",
) -> None:
    """Draw texts under every setting for every prompt, a row for each under --out.

    All settings of one structure run in one compiled program. Kill it at any time: the same command
    goes on where it was, without repeating or losing a row.
    """
    from jaxsample.cli.compiled import keep_compiled
    from jaxsample.cli.opening import open_model
    from jaxsample.study import read_settings, sweep

    chosen = read_settings(settings)
    source = open_model(model)
    fields = prompt_field, reference_field, without_field, id_field, split, limit, skip_bad
    items = inputs.PromptFlags(data, *fields).items(source, 32)
    keep_compiled()
    made = sweep(
        source,
        chosen,
        items,
        seeds=tuple(seed or (0,)),
        samples=samples,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        out=out,
        format=format,
        progress=True,
    )
    rate = f", {made.tokens / made.seconds:.0f} tokens/s" if made.tokens else ""
    print(f"{len(made.rows)} rows in {out}{rate}", file=sys.stderr)


def study(
    protocol: Annotated[
        Protocol, typer.Argument(help="Which study.", show_default=False, metavar="STUDY")
    ],
    out: Out,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="A model folder in the Hugging Face layout, the embedded story model by default; "
            "surface takes several.",
            show_default=False,
        ),
    ] = None,
    data: inputs.Data = None,
    prompt_field: inputs.PromptField = "prompt",
    reference_field: inputs.ReferenceField = "reference",
    without_field: inputs.WithoutField = None,
    id_field: inputs.IdField = None,
    split: inputs.Split = None,
    limit: inputs.Limit = None,
    skip_bad: inputs.SkipBad = False,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="More settings to compare, in TOML or Python.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Texts of a prompt and setting; by default what the study asks for.",
            show_default=False,
        ),
    ] = None,
    max_new_tokens: MaxNewTokens = None,
    batch_size: BatchSize = 128,
    weight: Annotated[float, typer.Option(metavar="W", help="Of quality in EDA.")] = 1.0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer settings and texts.")] = False,
) -> None:
    """Run a study: results, tables, plots and a page under --out.

    edt: quality and diversity under fixed, entropy-dependent and KL-guided temperature, after the
    EDT paper. creativity: what seven temperatures do to a story, after "Is Temperature the
    Creativity Parameter of LLMs?". surface: entropy and diversity over temperature and top-p.
    presets: the guides' settings for six tasks, side by side.
    """
    from jaxsample.cli.compiled import keep_compiled
    from jaxsample.cli.opening import open_model
    from jaxsample.cli.protocols import run
    from jaxsample.cli.report import report
    from jaxsample.study import read_settings

    keep_compiled()
    sources = [open_model(folder) for folder in model or [None]]
    fields = prompt_field, reference_field, without_field, id_field, split, limit, skip_bad
    run(
        protocol.value,
        sources,
        inputs.PromptFlags(data, *fields),
        out,
        settings=() if settings is None else read_settings(settings),
        samples=samples,
        max_new_tokens=max_new_tokens,
        weight=weight,
        batch_size=batch_size,
        quick=quick,
        command=shlex.join(["jaxsample", *sys.argv[1:]]),
        progress=True,
    )
    report([out], out / "report.html")
