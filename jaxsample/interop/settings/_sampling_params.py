"""Chains from the sampling parameters of vLLM and of OpenAI's API, and such parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sources import check, opened
from jaxsample.interop.settings._strings import bias_of_ids, word_sequences, words_of
from jaxsample.interop.settings._structured import GRAMMAR, automata
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import (
    above,
    ids,
    listed,
    named,
    number,
    plain,
    token_id,
    within,
)
from jaxsample.transforms.constraints._bias import SequenceBias
from jaxsample.transforms.constraints._start import MinNewTokens
from jaxsample.transforms.constraints._words import Allow, BadWords
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.temperatures._temperature import Temperature

PENALTY = within(-2, 2)
MASS = above(0, "TopK(1) keeps the maximum")
OUTPUT = {"scope": "output", "window": None}


def _warmth(value: Any) -> Any:
    """Return vLLM's temperature, which is greedy at 0 and otherwise at least 0.01."""
    within(0, 2)(value)
    return 0.01 if 0 < value < 0.01 else value


def _ends(value: Any) -> list[int]:
    if not ids(value):
        raise ValueError("a least length needs eos= or stop_token_ids")
    return ids(value)


STOPS = Key("stop_token_ids", into=_ends, back=plain)


class Biases(Row):
    """A bias for each of some token ids."""

    def fields(self, settings):
        bias = settings["logit_bias"]
        if not isinstance(bias, Mapping):
            raise ValueError(f"logit_bias must be an object, got {bias!r}")
        tokens = [[token_id(token)] for token in bias]
        return {"sequences": tokens, "biases": [number(value) for value in bias.values()]}

    def settings(self, member: Any) -> dict[str, Any]:
        sequences = plain(member.sequences)
        if any(len(s) != 1 for s in sequences) or len({s[0] for s in sequences}) < len(sequences):
            raise ValueError("logit_bias is of single tokens, each once")
        tokens = [s[0] for s in sequences]
        return {"logit_bias": dict(zip(tokens, plain(member.biases), strict=True))}


class _Bounded(Biases):
    """A bias for each of some token ids, which vLLM would clamp."""

    def fields(self, settings):
        found = super().fields(settings)
        for bias in found["biases"]:
            if abs(bias) > 100:
                raise ValueError(f"logit_bias: vLLM clamps a bias to [-100, 100], got {bias!r}")
        return found


def bias_row(stage: str = "") -> Row:
    """Return the row of logit_bias."""
    return Biases(SequenceBias, {"sequences": Key("logit_bias", {})}, stage=stage)


# Settings that are about the prompt, lengths, ends, records, and the request itself.
SILENT = frozenset(
    "max_tokens max_completion_tokens n seed stop stop_token_ids ignore_eos logprobs top_logprobs"
    " prompt_logprobs prompt_logprob_token_ids prompt_logprob_start logprob_token_ids detokenize"
    " skip_special_tokens skip_reading_prefix_cache"
    " stream_interval skip_clone routed_experts_prompt_start"
    " spaces_between_special_tokens"
    " include_stop_str_in_output truncate_prompt_tokens output_kind flat_logprobs model messages"
    " prompt stream stream_options user store metadata service_tier safety_identifier"
    " prompt_cache_key parallel_tool_calls echo add_special_tokens add_generation_prompt"
    " continue_final_message chat_template chat_template_kwargs documents request_id priority"
    " return_tokens_as_token_ids include_reasoning reasoning_effort verbosity prediction include"
    " guided_decoding_backend guided_whitespace_pattern return_token_ids cache_salt"
    " kv_transfer_params mm_processor_kwargs media_io_kwargs lora_request use_tqdm"
    " prompt_cache_retention extra_headers extra_query timeout".split()
)
ELSEWHERE: dict[str, tuple[tuple, str]] = {
    "logits_processors": (([],), "put a Transform or a function of a row into the chain"),
    "thinking_token_budget": ((-1,), "there is no such transform"),
    "trace_decode_token_ids": (([],), "put ForceTokens(ids) into the chain"),
    "best_of": ((0, 1), "draw with samples=n and take the best by their logprobs"),
    "use_beam_search": ((False,), "call beam"),
    "length_penalty": ((0, 1), "call beam(.., length_penalty=)"),
    "early_stopping": ((False,), "call beam(.., early_stopping=)"),
    "repetition_detection": ((), "there is no such rule for ending"),
    "guided_grammar": (("",), GRAMMAR),
    "extra_args": (({},), "it is not supported"),
    "vllm_xargs": (({},), "it is not supported"),
    "tools": (([],), "write them into the prompt: Text.chat(messages, tools=tools)"),
    "functions": (([],), "write them into the prompt: Text.chat(messages, tools=tools)"),
    "tool_choice": (("none", "auto"), "give the schema of the call as response_format"),
    "function_call": (("none", "auto"), "give the schema of the call as response_format"),
    "modalities": ((["text"],), "only text can be drawn"),
    "audio": ((), "only text can be drawn"),
    "suffix": (("",), "write the prompt of the model for filling in"),
}
TABLE = Table(
    system="vLLM",
    rows=(
        Row(Allow, {"tokens": Key("allowed_token_ids", [], into=ids, back=plain)}),
        Row(BadWords, {"sequences": Key("bad_words", [], into=listed, back=plain)}),
        Row(
            MinNewTokens,
            {"n": Key("min_tokens", 0), "eos": STOPS},
        ),
        _Bounded(SequenceBias, {"sequences": Key("logit_bias", {})}),
        Row(
            RepetitionPenalty,
            {"penalty": Key("repetition_penalty", 1)},
            {"scope": "all", "window": None},
        ),
        Row(FrequencyPenalty, {"strength": Key("frequency_penalty", 0, into=PENALTY)}, OUTPUT),
        Row(PresencePenalty, {"strength": Key("presence_penalty", 0, into=PENALTY)}, OUTPUT),
        Row(Temperature, {"value": Key("temperature", 1, into=_warmth)}),
        Row(MinP, {"p": Key("min_p", 0)}, drawn=True),
        Row(TopK, {"k": Key("top_k", 0, absent=lambda k: k in (0, -1))}, drawn=True),
        Row(TopP, {"p": Key("top_p", 1, into=MASS)}, drawn=True),
    ),
    silent=SILENT,
    elsewhere=ELSEWHERE,
    forms={
        "response_format": "response",
        "structured_outputs": "one_of",
        "guided_decoding": "one_of",
        "guided_json": "json",
        "guided_json_object": "json_object",
        "guided_regex": "regex",
        "guided_choice": "choice",
    },
    inside="extra_body",
)


def from_sampling_params(
    params: Mapping[str, Any],
    eos: int | Sequence[int] = (),
    *,
    vocabulary: Sequence[bytes | None] | None = None,
    tokenizer: Any = None,
) -> Chain:
    """Make the chain that samples as vLLM does under its sampling parameters or OpenAI's.

    The order is vLLM's: the form of the output, allowed tokens, bad words, minimum length, bias;
    repetition, frequency and presence penalty; temperature, min-p, top-k, top-p. The repetition
    penalty counts prompt and output, the other two count the output alone. An absent or null field
    is off. Temperature 0 is greedy, runs no filter, and draws one of tied maxima. vLLM raises
    temperatures between 0 and 0.01 to 0.01. Fields for `generate` (`max_tokens`, `n`, `seed`,
    `stop`, ..) and for the prompt (`messages`, ..) are ignored.

    A JSON schema (`response_format`, `guided_json`, `structured_outputs`), a JSON object, a regular
    expression or a choice becomes a `TokenAutomaton`; white space and depth inside JSON are those
    of `from_json_schema`. Each of `bad_words` is forbidden with and without a space before it. A
    key of `logit_bias` that is not a number is the text of one token.

    Args:
        params: the fields, those inside of `extra_body` too; OpenAI's token ids may be strings.
        eos: the tokens that end a structured output, and that `min_tokens` suppresses besides
            `stop_token_ids`.
        vocabulary: the bytes of each token, from `vocabulary_of`, for structured output.
        tokenizer: a `Text` or a `tokenizers.Tokenizer`, for `bad_words` and texts in `logit_bias`.

    Raises:
        ValueError: if a field is unknown, out of range, or needs something that a chain cannot do,
            or an argument that is not given. The message names the field.

    >>> from_sampling_params({"temperature": 0.8, "top_p": 0.9, "top_k": -1, "max_tokens": 16})
    chain(Temperature(value=0.8), TopP(p=0.9))
    """
    with opened(params, "sampling parameters", TABLE) as fields:
        check(TABLE, fields)
        form = automata(TABLE.forms, fields, vocabulary, ids(eos))
        if "bad_words" in fields:
            fields["bad_words"] = word_sequences(fields["bad_words"], tokenizer)
        if "logit_bias" in fields:
            fields["logit_bias"] = bias_of_ids(fields["logit_bias"], tokenizer)
        return chain(*form, TABLE.read(with_stops(fields, ids(eos))))


def with_stops(fields: dict[str, Any], eos: list[int]) -> dict[str, Any]:
    """Return the fields with the ends among stop_token_ids, each once."""
    with named("stop_token_ids"):
        stops = [token for token in listed(fields.get("stop_token_ids", [])) if token is not None]
    return fields | {"stop_token_ids": list(dict.fromkeys([*eos, *stops]))}


def to_sampling_params(sampler: Transform, *, tokenizer: Any = None) -> dict[str, Any]:
    """Return the sampling parameters under which vLLM samples as a chain does.

    `from_sampling_params` makes the same chain of them, without members that change nothing.

    Args:
        sampler: a chain of transforms that vLLM has, in its order.
        tokenizer: as for `from_sampling_params`; `BadWords` needs it, since vLLM takes texts alone.

    Raises:
        ValueError: if vLLM has no parameter for a member, or runs the
            members in another order. The message names the member.

    >>> to_sampling_params(chain(Temperature(0.8), TopP(0.9)))
    {'temperature': 0.8, 'top_p': 0.9}
    """
    params = TABLE.write(list(chain(sampler)))
    if "bad_words" in params:
        params["bad_words"] = words_of(params["bad_words"], tokenizer)
    return params
