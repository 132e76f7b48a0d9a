"""Chains from the presets of text-generation-webui."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sources import Source, opened, refuse_unknown
from jaxsample.interop.settings._strings import texts
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._transformers_table import inverse
from jaxsample.interop.settings._values import ids
from jaxsample.interop.settings._yaml import flat_yaml
from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.filters._mirostat import Mirostat
from jaxsample.transforms.filters._probability import Epsilon, Eta, TopA
from jaxsample.transforms.filters._tail_free import TailFree
from jaxsample.transforms.filters._top_n_sigma import TopNSigma
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.filters._typical import Typical
from jaxsample.transforms.filters._xtc import XTC
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.penalties._dry import DRY
from jaxsample.transforms.penalties._ngram import NoRepeatNgram
from jaxsample.transforms.temperatures._dynamic import DynamicTemperature
from jaxsample.transforms.temperatures._quadratic import Quadratic
from jaxsample.transforms.temperatures._temperature import Temperature

WINDOW = Key("repetition_penalty_range", into=lambda n: n or None)
TEMPERATURES = "temperature", "dynamic_temperature", "quadratic_sampling"
PENALTIES = (
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "dry",
    "encoder_repetition_penalty",
    "no_repeat_ngram",
)
# What transformers leaves out without do_sample; the interface runs its own samplers all the same.
WARPERS = "temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "min_p"


def _cutoff(name: str) -> Key:
    """Return a probability in units of 1e-4."""
    return Key(name, 0, into=lambda value: value * 1e-4)


ROWS = (
    Row(
        RepetitionPenalty,
        {"penalty": Key("repetition_penalty", 1), "window": WINDOW},
        stage="repetition_penalty",
    ),
    Row(
        PresencePenalty,
        {"strength": Key("presence_penalty", 0), "window": WINDOW},
        stage="presence_penalty",
    ),
    Row(
        FrequencyPenalty,
        {"strength": Key("frequency_penalty", 0), "window": WINDOW},
        stage="frequency_penalty",
    ),
    Row(
        DRY,
        {
            "multiplier": Key("dry_multiplier", 0),
            "base": Key("dry_base"),
            "allowed_length": Key("dry_allowed_length"),
            "breakers": Key("dry_sequence_breakers"),
            "window": WINDOW,
        },
        stage="dry",
    ),
    Row(TopNSigma, {"n": Key("top_n_sigma", 0)}, stage="top_n_sigma"),
    Row(Temperature, {"value": Key("temperature", 1)}, stage="temperature"),
    Row(
        DynamicTemperature,
        {
            "low": Key("dynatemp_low"),
            "high": Key("dynatemp_high"),
            "exponent": Key("dynatemp_exponent"),
        },
        where={"dynamic_temperature": (True,)},
        stage="dynamic_temperature",
    ),
    Row(
        Quadratic,
        {"factor": Key("smoothing_factor", 0), "curve": Key("smoothing_curve")},
        stage="quadratic_sampling",
    ),
    Row(TopK, {"k": Key("top_k", 0)}, stage="top_k"),
    Row(TopP, {"p": Key("top_p", 1)}, stage="top_p"),
    Row(Typical, {"p": Key("typical_p", 1)}, stage="typical_p"),
    Row(Epsilon, {"epsilon": _cutoff("epsilon_cutoff")}, stage="epsilon_cutoff"),
    Row(Eta, {"epsilon": _cutoff("eta_cutoff")}, stage="eta_cutoff"),
    Row(TailFree, {"z": Key("tfs", 1)}, stage="tfs"),
    Row(TopA, {"a": Key("top_a", 0)}, stage="top_a"),
    Row(MinP, {"p": Key("min_p", 0)}, stage="min_p"),
    Row(
        Mirostat,
        {"tau": Key("mirostat_tau"), "eta": Key("mirostat_eta")},
        {"version": 2},
        {"mirostat_mode": (2,)},
        "mirostat",
    ),
    Row(
        XTC,
        {
            "probability": Key("xtc_probability", 0),
            "threshold": Key("xtc_threshold"),
            "keep": Key("xtc_special_tokens"),
        },
        {"spare": "row"},
        stage="xtc",
    ),
    Row(
        RepetitionPenalty,
        {"penalty": Key("encoder_repetition_penalty", 1, into=inverse)},
        {"scope": "prompt"},
        stage="encoder_repetition_penalty",
    ),
    Row(NoRepeatNgram, {"n": Key("no_repeat_ngram_size", 0)}, stage="no_repeat_ngram"),
    Row(Temperature, fixed={"value": 0.0}, stage="greedy"),
)
STAGES = tuple(row.stage for row in ROWS if row.stage != "greedy")
DEFAULTS = {
    "temperature": 1,
    "dynamic_temperature": False,
    "dynatemp_low": 1,
    "dynatemp_high": 1,
    "dynatemp_exponent": 1,
    "smoothing_factor": 0,
    "smoothing_curve": 1,
    "repetition_penalty_range": 1024,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_sequence_breakers": '"\\n", ":", "\\"", "*"',
    "xtc_threshold": 0.1,
    "mirostat_mode": 0,
    "mirostat_tau": 5,
    "mirostat_eta": 0.1,
    "do_sample": True,
    "temperature_last": False,
    "sampler_priority": STAGES,
}


def _arrange(settings: Any) -> list[str]:
    """Return the stages in the order of sampler_priority, with temperatures last where asked."""
    stages = list(settings["sampler_priority"])
    if settings["temperature_last"]:
        late = [stage for stage in TEMPERATURES if stage in stages]
        stages = [stage for stage in stages if stage not in late] + late
    if not settings["do_sample"]:
        stages = [stage for stage in stages if stage in PENALTIES] + ["greedy"]
    return stages


TABLE = Table(
    system="text-generation-webui",
    rows=ROWS,
    defaults=DEFAULTS,
    choices={
        "mirostat_mode": (0, 2),
        "do_sample": (True, False),
        "temperature_last": (True, False),
        "dynamic_temperature": (True, False),
    },
    silent=frozenset(
        "max_new_tokens seed truncation_length add_bos_token skip_special_tokens stream"
        " auto_max_new_tokens max_tokens_second custom_stopping_strings negative_prompt".split()
    ),
    elsewhere={
        "guidance_scale": ((1,), "run guided(model, Guidance(scale))"),
        "penalty_alpha": ((0,), "there is no contrastive search"),
        "num_beams": ((1,), "call beam"),
        "length_penalty": ((1,), "call beam(.., length_penalty=)"),
        "early_stopping": ((False,), "call beam(.., early_stopping=)"),
        "min_length": ((0,), "it counts the prompt; put MinNewTokens into the chain"),
        "ban_eos_token": ((False,), "put Suppress([eos]) into the chain"),
        "custom_token_bans": (("",), "put Suppress(tokens) into the chain"),
        "grammar_string": (("",), "use from_regex or from_json_schema"),
        "adaptive_target": ((0,), "put AdaptiveP(target, decay) at the end of the chain"),
    },
    order="sampler_priority",
    arrange=_arrange,
)


def from_webui_preset(
    preset: Source, *, tokenizer: Any = None, eos: int | Sequence[int] = ()
) -> Chain:
    """Make the chain that samples as text-generation-webui does under a preset.

    The chain is that of its loader for transformers. The order is that of `sampler_priority`, and
    `temperature_last` moves the temperatures to the end; `epsilon_cutoff` and `eta_cutoff` are in
    units of 1e-4. Without `do_sample` the chain is penalties and a greedy temperature.

    Three things differ. Its mirostat measures the surprise of a token among those it kept, ours
    among all. Its top-n-sigma divides by V - 1 where ours divides by V. Its DRY counts at most 50
    repeated tokens.

    Args:
        preset: the settings, or the path of the preset's YAML file. Only flat files are read.
        tokenizer: a `Text` or a `tokenizers.Tokenizer`. XTC needs it for the line break, which it
            spares, and DRY for its sequence breakers.
        eos: the tokens that end a text; XTC spares them.

    Raises:
        ValueError: if a setting is unknown, out of range, or needs something that a chain cannot
            do, or an argument that is not given. The message names the file, if any.
        FileNotFoundError: if there is no file at the path.

    Reference: https://github.com/oobabooga/text-generation-webui

    >>> from_webui_preset({"temperature": 0.7, "min_p": 0.05, "temperature_last": True})
    chain(MinP(p=0.05), Temperature(value=0.7))
    """
    with opened(preset, "preset", parse=flat_yaml) as fields:
        refuse_unknown(TABLE, fields)
        TABLE.check(fields)
        if "sampler_priority" in fields:
            fields["sampler_priority"] = _stages(fields["sampler_priority"])
        if fields.get("xtc_probability"):
            line = texts(tokenizer, "xtc_probability").encode("\n", special=False)
            fields["xtc_special_tokens"] = [line[-1], *ids(eos)]
        if fields.get("dry_multiplier"):
            given = fields.get("dry_sequence_breakers", DEFAULTS["dry_sequence_breakers"])
            fields["dry_sequence_breakers"] = _breakers(given, tokenizer)
        _check_stages(fields)
        return TABLE.read(fields)


def _stages(given: Any) -> list[str]:
    """Return the stages of a list, or of a text with one on each line or between commas."""
    names = re.split(r"[\n,]", given) if isinstance(given, str) else given
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name not in STAGES:
            raise ValueError(f"sampler_priority: there is no {name!r}, only {', '.join(STAGES)}")
    return names


def _check_stages(fields: dict[str, Any]) -> None:
    """Refuse a sampler that is not off and has no place in the chain."""
    settings = {**DEFAULTS, **fields}
    for row in ROWS:
        if row.stage == "greedy" or row.read(settings) is None:
            continue
        if row.stage not in settings["sampler_priority"]:  # the interface runs it before all others
            raise ValueError(f"sampler_priority does not list {row.stage}, which is not off")
        if not settings["do_sample"] and row.stage not in (*PENALTIES, *WARPERS):
            raise ValueError(f"do_sample is false, so turn {row.stage} off")


def _breakers(given: Any, tokenizer: Any) -> list[list[int]]:
    """Return the tokens of DRY's breakers, each the last one of a text that ends in the string."""
    listed = given if given.startswith("[") else f"[{given}]"
    text = texts(tokenizer, "dry_sequence_breakers")
    tokens = {text.encode(f"a{string}", special=False)[-1]: None for string in json.loads(listed)}
    return [[token] for token in tokens]
