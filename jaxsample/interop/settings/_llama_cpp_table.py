"""The meaning of the options of llama.cpp's server, in the order of its samplers."""

from __future__ import annotations

from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sampling_params import bias_row
from jaxsample.interop.settings._structured import GRAMMAR
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import listed, number, plain, single
from jaxsample.transforms.filters._mirostat import Mirostat
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
from jaxsample.transforms.temperatures._adaptive import AdaptiveP
from jaxsample.transforms.temperatures._dynamic import DynamicTemperature
from jaxsample.transforms.temperatures._temperature import Temperature

# The samplers and their letters, in the order of their defaults; adaptive_p is off by default.
SAMPLERS = {
    "penalties": "e",
    "dry": "d",
    "top_n_sigma": "s",
    "top_k": "k",
    "typ_p": "y",
    "top_p": "p",
    "min_p": "m",
    "xtc": "x",
    "temperature": "t",
    "adaptive_p": "a",
}


def last_tokens(name: str) -> Key:
    """Return the setting of a window: 0 is off, and -1 means all tokens."""
    return Key(
        name,
        0,
        into=lambda n: None if number(n) == -1 else n,
        back=lambda window: -1 if window is None else window,
    )


def _warmth(value: Any) -> Any:
    """Return a temperature, which is greedy at 0 and below."""
    return max(number(value), 0.0)


def _sigmas(value: Any) -> float:
    """Return top_n_sigma, where ours has another value for off."""
    n = float(single(value))
    if n <= 0:
        raise ValueError("top_n_sigma=0 is off there; ours keeps the maxima")
    return -1.0 if n == float("inf") else n


class _Dynamic(Row):
    """A temperature and its range to both sides, cut at 0."""

    def fields(self, settings):
        reach, middle, exponent = (key.value(settings) for key in self.keys.values())
        return {"low": max(0.0, middle - reach), "high": middle + reach, "exponent": exponent}

    def settings(self, member: Any) -> dict[str, Any]:
        low, high = float(single(member.low)), float(single(member.high))
        if high < low or (high == low != 1):
            raise ValueError("its range has high > low; an equal pair is a Temperature")
        return {
            "dynatemp_range": round((high - low) / 2, 12),
            "temperature": round((high + low) / 2, 12),
            "dynatemp_exponent": single(member.exponent),
        }


class _Warmth(Row):
    """A temperature, where there is no range."""

    def read(self, settings):
        dynamic = REACH.value(settings) > 0 and not settings["mirostat"]
        return None if dynamic else super().read(settings)

    def settings(self, member: Any) -> dict[str, Any]:
        return {"dynatemp_range": 0.0, **super().settings(member)}


WINDOW = last_tokens("repeat_last_n")
REACH = Key("dynatemp_range", 0, absent=lambda reach: reach <= 0)
ALL = {"scope": "all"}
TEMPERATURE = {"value": Key("temperature", 1, into=_warmth)}


def _mirostat(version: int) -> Row:
    keys = {"tau": Key("mirostat_tau"), "eta": Key("mirostat_eta")}
    return Row(Mirostat, keys, {"version": version}, {"mirostat": (version,)}, "mirostat")


ROWS = (
    bias_row("bias"),
    Row(
        RepetitionPenalty,
        {"penalty": Key("repeat_penalty", 1), "window": WINDOW},
        ALL,
        stage="penalties",
    ),
    Row(
        FrequencyPenalty,
        {"strength": Key("frequency_penalty", 0), "window": WINDOW},
        ALL,
        stage="penalties",
    ),
    Row(
        PresencePenalty,
        {"strength": Key("presence_penalty", 0), "window": WINDOW},
        ALL,
        stage="penalties",
    ),
    Row(
        DRY,
        {
            "multiplier": Key("dry_multiplier", 0),
            "base": Key("dry_base"),
            "allowed_length": Key("dry_allowed_length"),
            "breakers": Key("dry_sequence_breakers", into=listed, back=plain),
            "window": last_tokens("dry_penalty_last_n"),
        },
        stage="dry",
    ),
    Row(
        TopNSigma,
        {"n": Key("top_n_sigma", -1, absent=lambda n: n <= 0, back=_sigmas)},
        stage="top_n_sigma",
    ),
    Row(TopK, {"k": Key("top_k", 0, absent=lambda k: k <= 0)}, stage="top_k"),
    Row(Typical, {"p": Key("typical_p", 1)}, stage="typ_p"),
    Row(TopP, {"p": Key("top_p", 1)}, stage="top_p"),
    Row(MinP, {"p": Key("min_p", 0)}, stage="min_p"),
    Row(
        XTC,
        {"probability": Key("xtc_probability", 0), "threshold": Key("xtc_threshold")},
        {"keep": (), "spare": "tokens"},
        stage="xtc",
    ),
    _Dynamic(
        DynamicTemperature,
        {
            "low": REACH,
            "high": Key("temperature"),
            "exponent": Key("dynatemp_exponent"),
        },
        stage="temperature",
    ),
    _Warmth(Temperature, TEMPERATURE, stage="temperature"),
    Row(
        AdaptiveP,
        {
            "target": Key("adaptive_target", -1, absent=lambda t: t < 0),
            "decay": Key("adaptive_decay", into=lambda decay: min(number(decay), 0.99)),
        },
        stage="adaptive_p",
    ),
    _Warmth(Temperature, TEMPERATURE, where={"mirostat": (1, 2)}, stage="mirostat"),
    _mirostat(1),
    _mirostat(2),
)
DEFAULTS = {
    "logit_bias": {},
    "samplers": [name for name in SAMPLERS if name != "adaptive_p"],
    "temperature": 0.8,
    "dynatemp_range": 0.0,
    "dynatemp_exponent": 1.0,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.05,
    "typical_p": 1.0,
    "top_n_sigma": -1.0,
    "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "dry_multiplier": 0.0,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_penalty_last_n": 64,
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
    "adaptive_target": -1.0,
    "adaptive_decay": 0.9,
}
SILENT = frozenset(
    "prompt messages n_predict max_tokens max_completion_tokens n n_cmpl n_indent n_keep n_discard"
    " n_cache_reuse stream stream_options stop seed n_probs logprobs top_logprobs"
    " post_sampling_probs t_max_predict_ms image_data id_slot cache_prompt return_tokens"
    " return_progress timings_per_token response_fields backend_sampling model user ignore_eos"
    " dry_sequence_breakers chat_format reasoning_format parse_tool_calls preserved_tokens"
    " chat_template_kwargs add_generation_prompt speculative.n_max speculative.n_min"
    " speculative.p_min speculative.type speculative.ngram_size_n speculative.ngram_size_m"
    " speculative.ngram_m_hits verbose sse_ping_interval echo continue_final_message"
    " generation_prompt chat_parser grammar_type reasoning_control reasoning_in_content"
    " thinking_forced_open speculative.types n_ctx api_key slot_id input_prefix input_suffix"
    " input_extra".split()
)
ELSEWHERE: dict[str, tuple[tuple, str]] = {
    "grammar": (("",), GRAMMAR),
    "grammar_lazy": ((False,), GRAMMAR),
    "grammar_triggers": (([],), GRAMMAR),
    "tools": (([],), "write them into the prompt: Text.chat(messages, tools=tools)"),
    "min_keep": ((0, 1), "every filter keeps one token at least, and no more for that reason"),
    "lora": (([],), "change the parameters of the model"),
    "reasoning_budget_tokens": ((-1,), "there is no such transform"),
    "tfs_z": ((1,), "llama.cpp no longer has it; put TailFree(z) into the chain"),
    "penalize_nl": ((True,), "llama.cpp no longer has it; its penalties count every token"),
    "t_max_prompt_ms": ((-1,), "pass a budget to generate"),
}


def arrange(settings: Any) -> list[str]:
    """Return the stages in their order: a bias first, adaptive-p last, mirostat alone."""
    if settings["mirostat"]:
        return ["bias", "mirostat"]
    stages = [stage for stage in settings["samplers"] if stage != "adaptive_p"]
    last = ["adaptive_p"] if "adaptive_p" in settings["samplers"] else []
    return ["bias", *stages, *last]


TABLE = Table(
    system="llama.cpp",
    rows=ROWS,
    defaults=DEFAULTS,
    choices={"mirostat": (0, 1, 2)},
    silent=SILENT,
    elsewhere=ELSEWHERE,
    forms={"json_schema": "llama_schema", "response_format": "response"},
    order="samplers",
    unlisted=("bias", "mirostat"),
    arrange=arrange,
)
