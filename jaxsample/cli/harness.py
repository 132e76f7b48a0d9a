"""The command lm-eval: the command line of lm-evaluation-harness with this library's models."""

from __future__ import annotations

import sys

import typer

SETTINGS = {
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    "options_metavar": "[ARGUMENTS]...",
}


def lm_eval(arguments: typer.Context) -> None:
    """Judge a sampler on the tasks of EleutherAI's lm-evaluation-harness.

    All arguments are those of `lm_eval run`, with --model jaxsample. Its --model_args are
    pretrained=MODEL (as --model elsewhere), dtype, max_length, max_gen_toks, seed, and the members
    of the chain that draws every text, in their order:

        jaxsample lm-eval --model_args pretrained=smollm2,temperature=0.8,min_p=0.05 --tasks gsm8k

    chain=FILE.toml reads the chain from a file. Without members each task's own settings are used.
    """
    try:
        import lm_eval.models  # noqa: F401  # it registers the models of the harness
        from lm_eval.__main__ import cli_evaluate
        from lm_eval.api.registry import register_model
    except ImportError:
        raise ImportError("this needs lm-eval: pip install 'jaxsample[lm-eval]'") from None
    from jaxsample.cli.evaluated import Evaluated

    register_model("jaxsample")(Evaluated)
    given = list(arguments.args)
    if not {"--model", "-M"} & {part.partition("=")[0] for part in given}:
        given = ["--model", "jaxsample", *given]
    ours, sys.argv = sys.argv, ["lm_eval", "run", *given]
    try:
        cli_evaluate()
    finally:
        sys.argv = ours
