"""Chains from the sampling parameters of vLLM and of OpenAI's API, in the order of vLLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.transforms.constraints._bias import SequenceBias
from jaxsample.transforms.constraints._start import MinNewTokens
from jaxsample.transforms.constraints._words import Allow, BadWords
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.temperatures._temperature import Temperature

# Values that turn a field off, besides None.
OFF: dict[str, tuple] = {
    "allowed_token_ids": ([],),
    "bad_words_token_ids": ([],),
    "min_tokens": (0,),
    "logit_bias": ({},),
    "repetition_penalty": (1.0,),
    "frequency_penalty": (0.0,),
    "presence_penalty": (0.0,),
    "temperature": (1.0,),
    "min_p": (0.0,),
    "top_k": (0, -1),
    "top_p": (1.0,),
}

# Fields that a chain ignores: length, ends, records, and the request itself.
IGNORED = frozenset(
    "max_tokens max_completion_tokens n seed stop stop_token_ids ignore_eos logprobs top_logprobs"
    " prompt_logprobs detokenize skip_special_tokens spaces_between_special_tokens"
    " include_stop_str_in_output truncate_prompt_tokens output_kind flat_logprobs model messages"
    " prompt stream stream_options user".split()
)

# Fields that no chain can express, and the remedy.
ELSEWHERE = {
    "bad_words": "give their tokens as bad_words_token_ids",
    "structured_outputs": "put a TokenAutomaton in front of the chain",
    "guided_decoding": "put a TokenAutomaton in front of the chain",
    "response_format": "put a TokenAutomaton in front of the chain",
    "logits_processors": "put a Transform or a function of a row into the chain",
    "thinking_token_budget": "there is no such transform",
    "best_of": "there is no search",
    "use_beam_search": "there is no beam search",
    "length_penalty": "there is no beam search",
    "repetition_detection": "there is no such rule for ending",
    "extra_args": "it is not supported",
}


def from_sampling_params(params: Mapping[str, Any], eos: int | Sequence[int] = ()) -> Chain:
    """Make the chain that samples as vLLM does under its sampling parameters or OpenAI's.

    The order is vLLM's: allowed tokens, bad words, minimum length, bias; repetition, frequency and
    presence penalty; temperature, min-p, top-k, top-p. The repetition penalty counts prompt and
    output, the other two count the output alone. An absent field is off. Temperature 0 is greedy
    and draws one of tied maxima. Fields for `generate` (`max_tokens`, `n`, `seed`, `stop`, ..) are
    ignored.

    Args:
        params: the fields; OpenAI's token ids may be strings.
        eos: token ids that `min_tokens` suppresses, besides `stop_token_ids`.

    Raises:
        ValueError: if a field is unknown, out of range, or needs something that a chain cannot do.
            The message names the field.

    >>> from_sampling_params({"temperature": 0.8, "top_p": 0.9, "top_k": -1, "max_tokens": 16})
    chain(Temperature(value=0.8), TopP(p=0.9))
    """
    for name, value in params.items():
        if name in ELSEWHERE and value not in (None, [], {}, False, 0):
            raise ValueError(f"sampling parameters: {name} cannot be in a chain: {ELSEWHERE[name]}")
        if name not in {*OFF, *IGNORED, *ELSEWHERE}:
            raise ValueError(f"sampling parameters: there is no field {name!r}")
    stops = [eos] if isinstance(eos, int) else [*eos]
    stops += [t for t in params.get("stop_token_ids") or () if t not in stops]
    if params.get("min_tokens") and not stops:
        raise ValueError("sampling parameters: min_tokens needs eos or stop_token_ids")
    make = {  # in the order of vLLM
        "allowed_token_ids": Allow,
        "bad_words_token_ids": BadWords,
        "min_tokens": lambda n: MinNewTokens(n, stops),
        "logit_bias": _logit_bias,
        "repetition_penalty": RepetitionPenalty,
        "frequency_penalty": lambda strength: FrequencyPenalty(strength, scope="output"),
        "presence_penalty": lambda strength: PresencePenalty(strength, scope="output"),
        "temperature": Temperature,
        "min_p": MinP,
        "top_k": TopK,
        "top_p": TopP,
    }
    given = {name: params.get(name) for name in make}
    return chain(
        *(
            make[name](value)
            for name, value in given.items()
            if value is not None and value not in OFF[name]
        )
    )


def _logit_bias(bias):
    return SequenceBias([[int(token)] for token in bias], list(bias.values()))
