"""Chains from the sampling parameters of SGLang."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sampling_params import (
    MASS,
    OUTPUT,
    PENALTY,
    STOPS,
    bias_row,
    with_stops,
)
from jaxsample.interop.settings._sources import check, opened
from jaxsample.interop.settings._structured import GRAMMAR, automata
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import ids, number, within
from jaxsample.transforms.constraints._start import MinNewTokens
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.temperatures._temperature import Temperature


def _warmth(value: Any) -> Any:
    """Return a temperature, which is greedy below 1e-6."""
    if number(value) == float("inf"):
        raise ValueError("it must be finite, got inf")
    return 0.0 if 0 <= value < 1e-6 else value


ALL = 1 << 30  # a top_k from here on keeps every token
TABLE = Table(
    system="SGLang",
    rows=(
        Row(FrequencyPenalty, {"strength": Key("frequency_penalty", 0, into=PENALTY)}, OUTPUT),
        Row(PresencePenalty, {"strength": Key("presence_penalty", 0, into=PENALTY)}, OUTPUT),
        Row(MinNewTokens, {"n": Key("min_new_tokens", 0), "eos": STOPS}),
        Row(
            RepetitionPenalty,
            {"penalty": Key("repetition_penalty", 1, into=within(0, 2))},
            OUTPUT,
        ),
        bias_row(),
        Row(Temperature, {"value": Key("temperature", 1, into=_warmth)}),
        Row(TopP, {"p": Key("top_p", 1, into=MASS)}, drawn=True),
        Row(
            TopK,
            {"k": Key("top_k", -1, absent=lambda k: k == -1 or k >= ALL)},
            drawn=True,
        ),
        Row(MinP, {"p": Key("min_p", 0)}, drawn=True),
    ),
    silent=frozenset(
        "max_new_tokens stop stop_token_ids stop_regex n ignore_eos skip_special_tokens"
        " spaces_between_special_tokens no_stop_trim stream_interval sampling_seed"
        # what stands beside sampling_params in a request
        " text prompt input_ids input_embeds image_data video_data audio_data modalities rid"
        " session_id session_params stream return_logprob logprob_start_len top_logprobs_num"
        " token_ids_logprob return_text_in_logprobs return_sampling_mask return_hidden_states"
        " return_routed_experts return_entropy lora_path lora_id log_metrics priority extra_key"
        " background require_reasoning no_logs custom_labels bootstrap_host bootstrap_port"
        " bootstrap_room data_parallel_rank routed_dp_rank cache_salt model".split()
    ),
    elsewhere={
        "ebnf": (("",), GRAMMAR),
        "structural_tag": (("",), GRAMMAR),
        "max_thinking_tokens": ((), "there is no such transform"),
        "custom_params": (({},), "put a Transform or a function of a row into the chain"),
        "custom_logit_processor": (("",), "put a Transform or a function of a row into the chain"),
    },
    forms={"json_schema": "sglang_schema", "regex": "regex"},
    inside="sampling_params",
)


def from_sglang_params(
    params: Mapping[str, Any],
    eos: int | Sequence[int] = (),
    *,
    vocabulary: Sequence[bytes | None] | None = None,
) -> Chain:
    """Make the chain that samples as SGLang does under its sampling parameters.

    The order is frequency and presence penalty, minimum length, repetition penalty, bias,
    temperature, top-p and top-k of the same row, min-p. All penalties count the output alone. This
    is SGLang's sampler in PyTorch; its kernels apply top-p after top-k if there is a min-p. A
    temperature below 1e-6 is greedy and draws one of tied maxima. A `json_schema` or `regex`
    becomes a `TokenAutomaton`, with the white space of `from_json_schema`. Fields for `generate`
    are ignored.

    Args:
        params: the fields, those inside of `sampling_params` too; absent and null ones are off.
        eos, vocabulary: as for `from_sampling_params`.

    Raises:
        ValueError: if a field is unknown, out of range, or needs something that a chain cannot do,
            or an argument that is not given. The message names the field.

    Reference: https://docs.sglang.ai/basic_usage/sampling_params.html

    >>> from_sglang_params({"temperature": 0.7, "top_p": 0.9, "top_k": 40})
    chain(Temperature(value=0.7), TopP(p=0.9), TopK(k=40))
    """
    with opened(params, "parameters of SGLang", TABLE) as fields:
        check(TABLE, fields)
        form = automata(TABLE.forms, fields, vocabulary, ids(eos))
        return chain(*form, TABLE.read(with_stops(fields, ids(eos))))


def to_sglang_params(sampler: Transform) -> dict[str, Any]:
    """Return the sampling parameters under which SGLang samples as a chain does.

    `from_sglang_params` makes the same chain of them, without members that change nothing.

    Args:
        sampler: a chain of transforms that SGLang has, in its order. No filter may follow a
            temperature of 0.

    Raises:
        ValueError: if SGLang has no parameter for a member, or runs the
            members in another order. The message names the member.

    >>> to_sglang_params(chain(Temperature(0.8), TopP(0.9)))
    {'temperature': 0.8, 'top_p': 0.9}
    """
    return TABLE.write(list(chain(sampler)))
