"""The commands and their flags."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from jaxsample.cli import flags, studies

app = typer.Typer(
    help="Draw text from a language model, and see what samplers do to its next token.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(studies.sweep)
app.command()(studies.study)


class Color(enum.StrEnum):
    """What the colour of a token tells."""

    probability = "probability"
    entropy = "entropy"


Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="A model folder in the Hugging Face layout; the embedded story model by default.",
        show_default=False,
    ),
]


@app.command()
def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(help="Where the text begins; a fresh text by default.", show_default=False),
    ] = None,
    model: Model = None,
    temperature: flags.Temperature = None,
    edt: flags.Edt = None,
    top_k: flags.TopK = None,
    top_p: flags.TopP = None,
    min_p: flags.MinP = None,
    preset: flags.Preset = None,
    policy: flags.Policy = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            metavar="S",
            help="The same seed draws the same text; a new one each time by default.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("-n", "--samples", min=1, metavar="N", help="How many texts.")
    ] = 1,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Most tokens of a text; by default 256, or fewer where the model's context ends.",
            show_default=False,
        ),
    ] = None,
    stats: Annotated[
        bool,
        typer.Option(
            "--stats",
            help="Colour the tokens and print speed, entropy and log-probability.",
        ),
    ] = False,
    color: Annotated[
        Color | None,
        typer.Option(
            help="What the colour of a token tells, under the model at T = 1; with --stats the "
            "probability.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Draw text and print it as it is decoded.

    Without sampler flags tokens are drawn from the model as it is (T = 1).

    Text goes to stdout, all else to stderr: jaxsample generate > story.txt
    """
    from jaxsample.cli.generate import generate

    given = flags.SamplerFlags(temperature, edt, top_k, top_p, min_p, preset, policy)
    color = color or (Color.probability if stats else None)
    generate(prompt, model, given, seed, samples, max_new_tokens, stats, color)


@app.command()
def explain(
    prompt: Annotated[str, typer.Argument(help="What the token comes after.", show_default=False)],
    model: Model = None,
    temperature: flags.Temperature = None,
    edt: flags.Edt = None,
    top_k: flags.TopK = None,
    top_p: flags.TopP = None,
    min_p: flags.MinP = None,
    preset: flags.Preset = None,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write it as a figure.", show_default=False),
    ] = None,
) -> None:
    """Show the likeliest next tokens before and after each step of the sampler.

    Below the bars: entropy, tokens kept, mass cut and temperature of each step.
    """
    from jaxsample.cli.explain import explain

    given = flags.SamplerFlags(temperature, edt, top_k, top_p, min_p, preset)
    explain(prompt, model, given, png)


@app.command()
def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...",
            help="Folders that studies wrote, each with a results.json.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write the page.")
    ] = Path("report.html"),
) -> None:
    """Show the results of studies on one page that needs no network.

    Tables with intervals, charts, and the texts with their tokens; any browser opens it.
    """
    from jaxsample.cli.report import report

    report(results, output)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status; without arguments, print the help.

    Raises:
        ValueError: for nonsense in the arguments.
        KeyboardInterrupt: if the command was interrupted.
    """
    try:
        status = app(arguments or ["--help"], prog_name="jaxsample", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        # Usage errors are Click's in older versions of Typer, and share no public base with its.
        if not hasattr(error, "format_message"):
            raise
        raise ValueError(error.format_message()) from None  # type: ignore[attr-defined]
    return status if isinstance(status, int) else 0
