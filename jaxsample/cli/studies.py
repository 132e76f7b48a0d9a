"""The command study, which has a command for each study."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from jaxsample.cli import inputs, interrupt
from jaxsample.cli.paths import check_folder, naming
from jaxsample.cli.sweeps import RESUME, BatchSize, MaxNewTokens, Out


def _study(
    protocol: str,
    out: Out,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A model folder in the Hugging Face layout, a GGUF file, or smollm2. By default "
            "the embedded story model. Only surface takes several.",
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
    gather: inputs.Gather = False,
    spread: inputs.Spread = False,
    chat: inputs.Chat = False,
    system: inputs.System = None,
    shots: inputs.Shots = None,
    shot_count: inputs.ShotCount = 4,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="A .toml or .py file with more settings to compare. A .py file is executed.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="How many texts of each prompt and setting. Every study has its own default.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, max=2**32 - 1, metavar="S", help="The seed of the texts."),
    ] = 0,
    max_new_tokens: MaxNewTokens = None,
    batch_size: BatchSize = 128,
    weight: Annotated[float, typer.Option(metavar="W", help="The weight of quality in EDA.")] = 1.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Run fewer settings and draw fewer texts.")
    ] = False,
) -> None:
    from jaxsample.cli.compiled import keep_compiled
    from jaxsample.cli.opening import open_model
    from jaxsample.cli.protocols import run
    from jaxsample.cli.report import report
    from jaxsample.study import read_settings

    check_folder("--out", out)
    prompts = inputs.PromptFlags(
        data, prompt_field, reference_field, without_field, id_field, split, limit, skip_bad,
        gather, spread, chat, system, shots, shot_count,
    )  # fmt: skip
    chosen = () if settings is None else read_settings(settings)
    keep_compiled()
    sources = [open_model(folder) for folder in model or [None]]
    interrupt.advise(RESUME)
    with naming(out):
        run(
            protocol,
            sources,
            prompts,
            out,
            settings=chosen,
            samples=samples,
            seed=seed,
            max_new_tokens=max_new_tokens,
            weight=weight,
            batch_size=batch_size,
            quick=quick,
            command=shlex.join(["jaxsample", *sys.argv[1:]]),
            progress=True,
        )
    report([out], out / "report.html")


def _named(protocol: str, without: Collection[str] = ()) -> Callable[..., None]:
    """Return the command of one study: `_study` without the options that it does not have."""

    def command(**given: Any) -> None:
        _study(protocol, **given)

    signature = inspect.signature(_study, eval_str=True)
    kept = [p for name, p in signature.parameters.items() if name not in {"protocol", *without}]
    command.__signature__ = signature.replace(parameters=kept)
    command.__annotations__ = {p.name: p.annotation for p in kept}
    return command


STUDIES = {
    "edt": (
        "Compare quality and diversity under fixed, entropy-dependent and KL-guided temperature.",
        "After the EDT paper (Zhang et al., 2024).",
        (),
    ),
    "creativity": (
        "Measure what seven temperatures do to a story.",
        'After "Is Temperature the Creativity Parameter of Large Language Models?" (Peeperkorn et '
        "al., 2024).",
        ("weight",),
    ),
    "surface": (
        "Map entropy and diversity over temperature and top-p.",
        "Give --model several times to compare models.",
        ("weight", "settings"),
    ),
    "nuclei": (
        "Count the tokens that top-p keeps at every position of texts.",
        "It draws texts at T = 1 and computes the nuclei of every pair of T and p on them.",
        ("weight", "settings"),
    ),
    "presets": (
        "Compare the presets that guides recommend for six tasks.",
        "See the option --preset of generate.",
        (),
    ),
}

study = typer.Typer(help="Run a study: it writes results, tables, plots and a page to --out.")


@study.callback(invoke_without_command=True)
def _list_studies(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


for _name, (_short, _more, _without) in STUDIES.items():
    study.command(_name, help=f"{_short}\n\n{_more}", short_help=_short)(_named(_name, _without))
