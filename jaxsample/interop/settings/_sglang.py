"""Chains from the sampling parameters of SGLang."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sampling_params import OUTPUT, bias_row, with_stops
from jaxsample.interop.settings._sources import opened, refuse_unknown
from jaxsample.interop.settings._structured import asked_form
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import check_numbers, ids
from jaxsample.transforms.constraints._start import MinNewTokens
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.temperatures._temperature import Temperature

ALL = 1 << 30  # a top_k from here on keeps every token
GREEDY = 1e-6  # a temperature below is greedy
TABLE = Table(
    system="SGLang",
    rows=(
        Row(FrequencyPenalty, {"strength": Key("frequency_penalty", 0)}, OUTPUT),
        Row(PresencePenalty, {"strength": Key("presence_penalty", 0)}, OUTPUT),
        Row(
            MinNewTokens,
            {"n": Key("min_new_tokens", 0), "eos": Key("stop_token_ids", into=ids)},
        ),
        Row(RepetitionPenalty, {"penalty": Key("repetition_penalty", 1)}, OUTPUT),
        bias_row(),
        Row(Temperature, {"value": Key("temperature", 1)}),
        Row(TopP, {"p": Key("top_p", 1)}),
        Row(TopK, {"k": Key("top_k", -1, absent=lambda k: k == -1 or k >= ALL)}),
        Row(MinP, {"p": Key("min_p", 0)}),
    ),
    silent=frozenset(
        "max_new_tokens stop stop_token_ids stop_regex n ignore_eos skip_special_tokens"
        " spaces_between_special_tokens no_stop_trim stream_interval sampling_seed".split()
    ),
    elsewhere={
        "ebnf": ((), "there are no context-free grammars; use from_regex or from_json_schema"),
        "structural_tag": ((), "there are no context-free grammars"),
        "custom_params": (({},), "put a Transform or a function of a row into the chain"),
    },
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
        params: the fields; absent and null ones are off.
        eos, vocabulary: as for `from_sampling_params`.

    Raises:
        ValueError: if a field is unknown, out of range, or needs something that a chain cannot do,
            or an argument that is not given. The message names the field.

    Reference: https://docs.sglang.ai/basic_usage/sampling_params.html

    >>> from_sglang_params({"temperature": 0.7, "top_p": 0.9, "top_k": 40})
    chain(Temperature(value=0.7), TopP(p=0.9), TopK(k=40))
    """
    with opened(params, "parameters of SGLang") as fields:
        ends = ids(eos)
        forms = [
            asked_form(name, kind, fields.pop(name), None)
            for name, kind in (("json_schema", "json"), ("regex", "regex"))
            if name in fields
        ]
        if len(forms) > 1:
            raise ValueError("only one of json_schema and regex can be given")
        automata = [form.automaton(vocabulary, ends) for form in forms]
        refuse_unknown(TABLE, fields)
        TABLE.check(fields)
        check_numbers(fields, ("temperature",))
        ends = with_stops(ends, fields)
        if fields.get("min_new_tokens") and not ends:
            raise ValueError("min_new_tokens needs eos or stop_token_ids")
        TABLE.read(fields | {"stop_token_ids": ends})  # greedy decoding checks its filters too
        if 0 <= fields.get("temperature", 1.0) < GREEDY:
            fields = {n: v for n, v in fields.items() if n not in ("top_p", "top_k", "min_p")}
            fields["temperature"] = 0.0
        return chain(*automata, TABLE.read(fields | {"stop_token_ids": ends}))
