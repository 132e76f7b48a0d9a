"""The command sweep, and the options that it shares with the studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jaxsample.cli import inputs, interrupt
from jaxsample.cli.paths import check_folder, naming

Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="A model folder in the Hugging Face layout, a GGUF file, or smollm2. By default the "
        "embedded story model.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="The folder to write to. The same command resumes an interrupted run there.",
    ),
]
MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens",
        min=1,
        metavar="N",
        help="The largest number of tokens of a text. By default 128, or fewer if the model's "
        "context is short.",
        show_default=False,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", min=1, metavar="B", help="How many texts are decoded at once."),
]
RESUME = "the same command resumes where this one stopped"


def sweep(
    settings: Annotated[
        Path,
        typer.Argument(
            metavar="SETTINGS",
            help="A .toml or .py file with named samplers. A .py file is executed.",
            show_default=False,
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
    gather: inputs.Gather = False,
    spread: inputs.Spread = False,
    chat: inputs.Chat = False,
    system: inputs.System = None,
    shots: inputs.Shots = None,
    shot_count: inputs.ShotCount = 4,
    samples: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="How many texts of each setting, prompt and seed."),
    ] = 1,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            metavar="S",
            help="The seed, 0 by default. Give several to draw more texts.",
            show_default=False,
        ),
    ] = None,
    max_new_tokens: MaxNewTokens = None,
    batch_size: BatchSize = 64,
    format: Annotated[
        str, typer.Option(metavar="jsonl|parquet", help="The format of the rows.")
    ] = "jsonl",
) -> None:
    """Draw texts under every setting for every prompt, and write a row for each to --out.

    Settings that differ only in numbers share one compiled program. You can stop a sweep at any
    time: the same command resumes it, and repeats or loses no row.
    """
    from jaxsample.cli.compiled import keep_compiled
    from jaxsample.cli.opening import open_model
    from jaxsample.study import read_settings, sweep

    check_folder("--out", out)
    prompts = inputs.PromptFlags(
        data, prompt_field, reference_field, without_field, id_field, split, limit, skip_bad,
        gather, spread, chat, system, shots, shot_count,
    )  # fmt: skip
    chosen = read_settings(settings)
    source = open_model(model)
    items = prompts.items(source, 32)
    keep_compiled()
    interrupt.advise(RESUME)
    with naming(out):
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
