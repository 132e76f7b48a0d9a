"""The meaning of the settings of text-generation-webui, in the order of its samplers."""

from __future__ import annotations

from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._structured import GRAMMAR
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._transformers_table import (
    TYPICAL,
    inverse,
    is_no_cutoff,
    whole_inverse,
)
from jaxsample.interop.settings._values import ids, listed, number, plain, single
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

WINDOW = Key(
    "repetition_penalty_range",
    into=lambda n: number(n) or None,
    back=lambda window: 0 if window is None else window,
)
ALL = {"scope": "all"}
TEMPERATURES = "temperature", "dynamic_temperature", "quadratic_sampling"
PENALTIES = (
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "dry",
    "encoder_repetition_penalty",
    "no_repeat_ngram",
)
# The order of samplers that sampler_priority does not list; they run before those that it lists.
UNLISTED = (
    "encoder_repetition_penalty no_repeat_ngram temperature top_k top_p min_p typical_p"
    " epsilon_cutoff eta_cutoff dry repetition_penalty presence_penalty frequency_penalty tfs top_a"
    " top_n_sigma xtc dynamic_temperature quadratic_sampling mirostat".split()
)
# The samplers that transformers leaves out without do_sample. The interface runs its own anyway.
WARPERS = "temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "min_p"


def _cutoff(name: str) -> Key:
    """Return a probability in units of 1e-4."""
    return Key(
        name,
        0,
        absent=lambda value: is_no_cutoff(value * 1e-4),
        into=lambda value: number(value) * 1e-4,
        back=lambda value: float(f"{single(value) * 1e4:.10g}"),
    )


ROWS = (
    Row(
        RepetitionPenalty,
        {"penalty": Key("repetition_penalty", 1), "window": WINDOW},
        ALL,
        stage="repetition_penalty",
    ),
    Row(
        PresencePenalty,
        {"strength": Key("presence_penalty", 0), "window": WINDOW},
        ALL,
        stage="presence_penalty",
    ),
    Row(
        FrequencyPenalty,
        {"strength": Key("frequency_penalty", 0), "window": WINDOW},
        ALL,
        stage="frequency_penalty",
    ),
    Row(
        DRY,
        {
            "multiplier": Key("dry_multiplier", 0),
            "base": Key("dry_base"),
            "allowed_length": Key("dry_allowed_length"),
            "breakers": Key("dry_sequence_breakers", into=listed, back=plain),
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
    Row(Typical, {"p": TYPICAL}, stage="typical_p"),
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
            "keep": Key("xtc_special_tokens", into=ids, back=list),
        },
        {"spare": "row"},
        stage="xtc",
    ),
    Row(
        RepetitionPenalty,
        {"penalty": Key("encoder_repetition_penalty", 1, into=inverse, back=whole_inverse)},
        {"scope": "prompt", "window": None},
        stage="encoder_repetition_penalty",
    ),
    Row(
        NoRepeatNgram,
        {"n": Key("no_repeat_ngram_size", 0)},
        {"window": None},
        stage="no_repeat_ngram",
    ),
    Row(Temperature, fixed={"value": 0.0}, where={"do_sample": (False,)}, stage="greedy"),
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
    """Return the stages in the order of sampler_priority, with temperatures last where asked.

    Raises:
        ValueError: if a sampler that is not off has no place in the chain.
    """
    stages = list(settings["sampler_priority"])
    if settings["temperature_last"]:  # those that are not listed too
        stages = [stage for stage in stages if stage not in TEMPERATURES] + [*TEMPERATURES]
    stages = [stage for stage in UNLISTED if stage not in stages] + stages
    end = stages.index("mirostat") if settings["mirostat_mode"] else len(stages)
    for row in ROWS[:-1]:
        if row.read(settings) is None:
            continue
        if stages.index(row.stage) > end:
            raise ValueError(f"its mirostat draws the token, so turn {row.stage} off")
        if not settings["do_sample"] and row.stage not in (*PENALTIES, *WARPERS):
            raise ValueError(f"do_sample is false, so turn {row.stage} off")
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
        " auto_max_new_tokens max_tokens_second custom_stopping_strings negative_prompt"
        " adaptive_decay static_cache show_after enable_thinking reasoning_effort".split()
    ),
    elsewhere={
        "guidance_scale": ((1,), "run guided(model, Guidance(scale))"),
        "penalty_alpha": ((0,), "there is no contrastive search"),
        "prompt_lookup_num_tokens": ((0,), "call speculate, whose tokens are those of generate"),
        "num_beams": ((1,), "call beam"),
        "length_penalty": ((1,), "call beam(.., length_penalty=)"),
        "early_stopping": ((False,), "call beam(.., early_stopping=)"),
        "min_length": ((0,), "it counts the prompt; put MinNewTokens into the chain"),
        "ban_eos_token": ((False,), "put Suppress([eos]) into the chain"),
        "custom_token_bans": (("",), "put Suppress(tokens) into the chain"),
        "grammar_string": (("",), GRAMMAR),
        "adaptive_target": ((0,), "put AdaptiveP(target, decay) at the end of the chain"),
    },
    nulls={"do_sample": False},
    order="sampler_priority",
    unlisted=("greedy",),
    arrange=_arrange,
)
