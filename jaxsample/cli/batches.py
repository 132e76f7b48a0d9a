"""The command batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxsample.cli import flags, inputs, interrupt, sweeps, texts
from jaxsample.cli.paths import check_file
from jaxsample.cli.taking import takes_sampler


@takes_sampler
def batch(
    *,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="FILE",
            help="The prompts: a .jsonl, .csv or .txt file, or a folder of the datasets package.",
            rich_help_panel=inputs.PANEL,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE.jsonl",
            help="The file to write to. The same command completes it after an interruption.",
        ),
    ],
    model: sweeps.Model = None,
    sampler: flags.SamplerFlags,
    stop: texts.Stop = None,
    prompt_field: inputs.PromptField = "prompt",
    id_field: inputs.IdField = None,
    split: inputs.Split = None,
    limit: inputs.Limit = None,
    skip_bad: inputs.SkipBad = False,
    chat: Annotated[
        bool,
        typer.Option(
            "--chat",
            help="A prompt is the message of a user, or a list of messages; the model answers it.",
            rich_help_panel=inputs.PANEL,
        ),
    ] = False,
    system: texts.System = None,
    samples: Annotated[
        int,
        typer.Option("-n", "--samples", min=1, metavar="N", help="How many texts of each prompt."),
    ] = 1,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="S", help="The seed of the texts.")
    ] = 0,
    slots: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="S",
            help="How many texts are decoded at once. More need more memory; they do not change "
            "the texts.",
        ),
    ] = 16,
    max_new_tokens: texts.MaxNewTokens = None,
    max_length: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="L",
            help="The largest number of tokens of prompt and text together. By default the model's "
            "context.",
            show_default=False,
        ),
    ] = None,
    dtype: texts.DtypeFlag = texts.Dtype.float32,
    device: texts.Device = None,
) -> None:
    """Draw texts for all prompts of a file, and write a line of JSON for each to --out.

    A text that ends makes room for the next prompt. You can stop a batch at any time: the same
    command goes on, and repeats or loses no text.

    A line has the keys index (the place of the prompt, from 0), id, sample, seed, model, sampler,
    prompt, text, finish_reason (stop, length or invalid), tokens, logprobs, model_logprobs and
    entropy. Lines come in the order in which texts end.
    """
    if out.suffix not in (".jsonl", ".ndjson"):
        raise ValueError(f"--out: texts are written as JSON lines; name a .jsonl file, not {out}")
    check_file("--out", out)
    from jaxsample.cli.batch import batch
    from jaxsample.cli.batch_prompts import BatchPrompts

    texts.use_device(device)
    interrupt.advise(sweeps.RESUME)
    batch(
        BatchPrompts(data, prompt_field, id_field, split, limit, skip_bad, chat, system),
        out,
        model,
        sampler,
        seed=seed,
        samples=samples,
        slots=slots,
        max_new_tokens=max_new_tokens,
        max_length=max_length,
        stop=stop or (),
        dtype=dtype.value,
    )
