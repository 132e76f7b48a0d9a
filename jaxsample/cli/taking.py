"""Commands that take the flags of a sampler, each written once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

from jaxsample.cli import flags

FLAGS = {
    "temperature": flags.Temperature,
    "edt": flags.Edt,
    "top_k": flags.TopK,
    "top_p": flags.TopP,
    "min_p": flags.MinP,
    "preset": flags.Preset,
    "repetition_penalty": flags.RepetitionPenalty,
    "frequency_penalty": flags.FrequencyPenalty,
    "presence_penalty": flags.PresencePenalty,
    "chain": flags.Chain,
    "generation_config": flags.GenerationConfig,
    "policy": flags.Policy,
}


def takes_sampler(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags of a sampler in place of its parameter `sampler`."""
    parameters = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kept = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        parameters += _flag_parameters() if parameter.name == "sampler" else [kept]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        values = {name: given.pop(name) for name in FLAGS}
        command(sampler=flags.SamplerFlags(**values), **given)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _flag_parameters():
    defaults = {f.name: f.default for f in dataclasses.fields(flags.SamplerFlags)}
    kind = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(name, kind, default=defaults[name], annotation=annotation)
        for name, annotation in FLAGS.items()
    ]
