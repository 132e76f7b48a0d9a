"""The commands and their flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxsample.cli import flags

app = typer.Typer(
    help="Decode language models in JAX and see what samplers do.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

Prompt = Annotated[str | None, typer.Argument(help="Where the text begins.", show_default=False)]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="A model folder in the Hugging Face layout; the embedded story model by default.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=2**32 - 1,
        help="The same seed draws the same text; a new one each time by default.",
        show_default=False,
    ),
]


@app.callback()
def _main() -> None:
    pass


@app.command()
def generate(
    prompt: Prompt = None,
    model: Model = None,
    temperature: flags.Temperature = None,
    edt: flags.Edt = None,
    top_k: flags.TopK = None,
    top_p: flags.TopP = None,
    min_p: flags.MinP = None,
    preset: flags.Preset = None,
    seed: Seed = None,
    samples: Annotated[int, typer.Option("-n", "--samples", min=1, help="How many texts.")] = 1,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Most tokens of a text.")
    ] = None,
) -> None:
    """Draw text and print it as it is decoded."""
    from jaxsample.cli.generate import generate

    given = flags.SamplerFlags(temperature, edt, top_k, top_p, min_p, preset)
    generate(prompt, model, given, seed, samples, max_new_tokens)
