"""The commands and their flags."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import rich  # noqa: F401  # without it, fail before JAX is imported
import typer

import jaxsample
from jaxsample.cli import batches, flags, harness, strategies, studies, sweeps, texts
from jaxsample.cli.prompt import Prompt, PromptFile, read_prompt
from jaxsample.cli.taking import takes_sampler

app = typer.Typer(
    help="Draw text from a language model, and see what samplers do to its next token.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"jaxsample {jaxsample.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    del version


class Color(enum.StrEnum):
    """The quantity that the colour of a token shows."""

    probability = "probability"
    entropy = "entropy"


@app.command()
@takes_sampler
def generate(
    *,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    model: sweeps.Model = None,
    sampler: flags.SamplerFlags,
    stop: texts.Stop = None,
    chat: texts.Chat = False,
    messages: texts.Messages = None,
    system: texts.System = None,
    dtype: texts.DtypeFlag = texts.Dtype.float32,
    device: texts.Device = None,
    seed: texts.Seed = None,
    samples: Annotated[
        int, typer.Option("-n", "--samples", min=1, metavar="N", help="How many texts to draw.")
    ] = 1,
    max_new_tokens: texts.MaxNewTokens = None,
    draft: strategies.DraftFlag = None,
    ahead: strategies.Ahead = None,
    beams: strategies.BeamsFlag = None,
    length_penalty: strategies.LengthPenalty = None,
    early_stopping: strategies.EarlyStopping = False,
    without_replacement: strategies.WithoutReplacement = False,
    stats: Annotated[
        bool,
        typer.Option(
            "--stats",
            help="Colour the tokens, and print speed, entropy and log-probability.",
        ),
    ] = False,
    color: Annotated[
        Color | None,
        typer.Option(
            help="Colour the tokens by their probability or by the entropy, under the model at "
            "T = 1. --stats colours by probability.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object a line for each text, with the keys sample, seed, model, "
            "sampler, prompt, text, finish_reason (stop, length or interrupted) and, one value for "
            "each token, tokens (ids), logprobs, model_logprobs and entropy (nats). --beams adds "
            "score; --without-replacement adds logprob and weight.",
        ),
    ] = False,
) -> None:
    """Draw text and print it while it is decoded.

    Without sampler flags the tokens are drawn from the model as it is (T = 1).

    The text goes to stdout and everything else to stderr: jaxsample generate > story.txt
    """
    from jaxsample.cli.generate import generate

    texts.use_device(device)
    # A conversation needs no prompt, so a pipe is left alone beside it.
    given_prompt = messages is None or prompt or prompt_file
    text = read_prompt(prompt, prompt_file) if given_prompt else None
    generate(
        text,
        model,
        sampler,
        seed,
        samples,
        max_new_tokens,
        stats,
        color,
        as_json,
        stop=stop or (),
        asked=texts.asked(text, chat, messages, system),
        dtype=dtype.value,
        strategy=strategies.Strategy(
            draft, ahead, beams, length_penalty, early_stopping, without_replacement
        ),
    )


@app.command()
@takes_sampler
def chat(
    *,
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A model folder, a GGUF file, or a name such as smollm2.",
        ),
    ] = Path("smollm2"),
    sampler: flags.SamplerFlags,
    stop: texts.Stop = None,
    system: texts.System = None,
    seed: texts.Seed = None,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="The largest number of tokens of an answer.")
    ] = 512,
    dtype: texts.DtypeFlag = texts.Dtype.float32,
    device: texts.Device = None,
) -> None:
    """Talk with a model. Each turn is read onto the cache of the ones before.

    In the conversation, /help lists the commands.
    """
    from jaxsample.cli.chat import chat

    texts.use_device(device)
    chat(model, sampler, seed, max_new_tokens, system, stop or (), dtype.value)


@app.command()
@takes_sampler
def explain(
    *,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    model: sweeps.Model = None,
    sampler: flags.SamplerFlags,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a figure, as PNG.", show_default=False),
    ] = None,
    dtype: texts.DtypeFlag = texts.Dtype.float32,
    device: texts.Device = None,
) -> None:
    """Show the most likely next tokens before and after each step of the sampler.

    The table below the bars shows the entropy after each step, the tokens it kept, the probability
    it cut and the temperature it applied.
    """
    from jaxsample.cli.explain import explain

    texts.use_device(device)
    explain(read_prompt(prompt, prompt_file), model, sampler, png, dtype.value)


@app.command()
@takes_sampler
def explore(
    *,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    model: sweeps.Model = None,
    sampler: flags.SamplerFlags,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, metavar="S", help="The first seed.")
    ] = 0,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="P", help="Where to serve the page; 0 is any."),
    ] = 0,
    opens: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
    dtype: texts.DtypeFlag = texts.Dtype.float32,
    device: texts.Device = None,
) -> None:
    """Open a page with a slider for each number of the sampler.

    It shows the next token before and after each step of the sampler, and the text. The page is
    served to this machine alone, and loads nothing from any other.
    """
    try:
        from jaxsample.cli.explore.command import explore
    except ImportError as error:
        if error.name not in ("starlette", "uvicorn", "jinja2"):
            raise
        raise ImportError(f"this needs {error.name}: pip install 'jaxsample[explore]'") from None

    texts.use_device(device)
    explore(read_prompt(prompt, prompt_file), model, sampler, seed, port, opens, dtype.value)


app.command()(batches.batch)
app.command()(sweeps.sweep)
app.add_typer(studies.study, name="study")
app.command("lm-eval", **harness.SETTINGS)(harness.lm_eval)


@app.command()
def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...",
            help="Folders that studies wrote. Each holds a results.json.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write the page.")
    ] = Path("report.html"),
) -> None:
    """Write the results of studies as one HTML page that needs no network.

    The page holds tables with confidence intervals, charts, and the texts with their tokens.
    """
    from jaxsample.cli.report import report

    report(results, output)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status; without arguments, print the help.

    Raises:
        ValueError: if an argument is wrong.
        BrokenPipeError: if the reader of stdout went away.
        KeyboardInterrupt: if the command was interrupted.
    """
    try:
        status = app(arguments or ["--help"], prog_name="jaxsample", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Typer exits with 1 for it
            raise end.__context__ from None
        raise
    except Exception as error:
        # Older versions of Typer raise Click's usage errors, newer ones their own.
        if not hasattr(error, "format_message"):
            raise
        message: Any = error  # types know only the class of the installed version
        raise ValueError(message.format_message()) from None
    return status if isinstance(status, int) else 0
