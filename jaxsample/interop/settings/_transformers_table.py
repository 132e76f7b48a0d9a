"""The meaning of the fields of a generation_config.json, in the order of transformers."""

from __future__ import annotations

from typing import Any

import jax

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import (
    above,
    ids,
    listed,
    number,
    one_or_all,
    pairs_of,
    plain,
    single,
)
from jaxsample.transforms.constraints._bias import SequenceBias
from jaxsample.transforms.constraints._start import MinNewTokens
from jaxsample.transforms.constraints._words import BadWords, Suppress
from jaxsample.transforms.contract._function import Function
from jaxsample.transforms.filters._probability import Epsilon, Eta
from jaxsample.transforms.filters._top_h import TopH
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.filters._typical import Typical
from jaxsample.transforms.penalties._counts import RepetitionPenalty
from jaxsample.transforms.penalties._length import ExponentialLengthDecay
from jaxsample.transforms.penalties._ngram import NoRepeatNgram
from jaxsample.transforms.temperatures._temperature import Temperature

EOS = Key("eos_token_id", into=ids, back=one_or_all)


class _Biases(Row):
    """Pairs of a sequence and its bias, or a dict of them."""

    def fields(self, settings):
        pairs = pairs_of(settings["sequence_bias"])
        return {"sequences": [list(s) for s, _ in pairs], "biases": [number(b) for _, b in pairs]}

    def settings(self, member: Any) -> dict[str, Any]:
        sequences, biases = plain(member.sequences), plain(member.biases)
        return {"sequence_bias": [[s, b] for s, b in zip(sequences, biases, strict=True)]}


class _Words(Row):
    """Forbidden sequences; a sequence that is an eos alone does not count."""

    def read(self, settings):
        ends = [[e] for e in ids(settings.get("eos_token_id", []))]
        try:
            words = [w for w in listed(settings.get("bad_words_ids", ())) if w not in ends]
        except ValueError as error:
            raise ValueError(f"bad_words_ids: {error}") from error
        return BadWords(words) if words else None


class _Decay(Row):
    """A start and a factor, on the eos."""

    def fields(self, settings):
        pair = settings["exponential_decay_length_penalty"]
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError(f"it must be a start and a factor, got {pair!r}")
        start, factor = pair
        return {"start": start, "factor": factor, "eos": EOS.into(settings[EOS.name])}

    def settings(self, member: Any) -> dict[str, Any]:
        pair = [single(member.start), single(member.factor)]
        return {
            "exponential_decay_length_penalty": pair,
            EOS.name: EOS.back(member.eos),
        }


def _warm(value: Any) -> float:
    """Return a temperature of sampling, which transformers refuses at 0."""
    if single(value) == 0:
        raise ValueError("a temperature of 0 is greedy and stands at the end, without filters")
    return single(value)


def inverse(value: Any) -> float:
    """Return 1 / value in float64; ValueError unless the value is a number above 0."""
    return 1 / float(above(0)(value))


def whole_inverse(value: Any) -> float:
    """Return the shortest decimal whose inverse is the float32 `value`."""
    import numpy as np

    for digits in range(1, 17):
        short = float(f"{1 / float(value):.{digits}g}")
        if np.float32(1 / short) == np.float32(value):
            return short
    return 1 / float(value)


def is_no_cutoff(value: Any) -> bool:
    """Return whether transformers leaves out a filter with this probability."""
    return value <= 0 or value >= 1


def _below_one(value: Any) -> float:
    if single(value) >= 1:
        raise ValueError("a cutoff of 1 is off there; ours keeps the maxima")
    return single(value)


def _cutoff(name: str) -> Key:
    return Key(name, 0, absent=is_no_cutoff, back=_below_one)


WARM = above(0, "with do_sample false the decoding is greedy")
TYPICAL = Key("typical_p", 1, into=above(0))
SAMPLED = {"do_sample": (True,)}
BEFORE = (
    _Biases(SequenceBias, {"sequences": Key("sequence_bias", absent=lambda b: b in ([], {}))}),
    Row(
        RepetitionPenalty,
        {"penalty": Key("encoder_repetition_penalty", 1, into=inverse, back=whole_inverse)},
        {"scope": "prompt", "window": None},
    ),
    Row(
        RepetitionPenalty,
        {"penalty": Key("repetition_penalty", 1)},
        {"scope": "all", "window": None},
    ),
    Row(
        NoRepeatNgram,
        {"n": Key("no_repeat_ngram_size", 0, absent=lambda n: n <= 0)},
        {"window": None},
    ),
    _Words(BadWords, {"sequences": Key("bad_words_ids", [], back=plain)}),
    Row(MinNewTokens, {"n": Key("min_new_tokens", 0), "eos": EOS}),
    _Decay(ExponentialLengthDecay, {"start": Key("exponential_decay_length_penalty"), "eos": EOS}),
    Row(Suppress, {"tokens": Key("suppress_tokens", [], into=ids, back=plain)}),
    Row(MinNewTokens, {"eos": Key("begin_suppress_tokens", [], into=ids, back=plain)}, {"n": 1}),
)
WARPERS = (
    Row(Temperature, {"value": Key("temperature", 1, into=WARM, back=_warm)}, where=SAMPLED),
    Row(TopH, {"alpha": Key("top_h", into=above(0))}, where=SAMPLED),
    Row(TopK, {"k": Key("top_k", 0)}, where=SAMPLED),
    Row(TopP, {"p": Key("top_p", 1)}, where=SAMPLED),
    Row(MinP, {"p": Key("min_p", 0)}, where=SAMPLED),
    Row(Typical, {"p": TYPICAL}, where=SAMPLED),
    Row(Epsilon, {"epsilon": _cutoff("epsilon_cutoff")}, where=SAMPLED),
    Row(Eta, {"epsilon": _cutoff("eta_cutoff")}, where=SAMPLED),
)
GREEDY = Row(Temperature, fixed={"value": 0.0}, where={"do_sample": (False,)})

# Fields that are arguments of `generate`, with the names they have there.
ARGUMENTS = {
    "max_new_tokens": "max_new_tokens",
    "eos_token_id": "eos",
    "pad_token_id": "pad",
    "num_return_sequences": "samples",
}
# Fields that `beam` takes.
BEAMS = {
    "num_beams": "beams",
    "length_penalty": "length_penalty",
    "early_stopping": "early_stopping",
    "num_return_sequences": "returned",
    "max_new_tokens": "max_new_tokens",
    "eos_token_id": "eos",
    "pad_token_id": "pad",
}
# Fields that hold whole numbers, and those of them that may hold a list.
MANY = frozenset("eos_token_id bos_token_id forced_eos_token_id".split())
WHOLE = frozenset(
    "max_new_tokens max_length eos_token_id pad_token_id num_return_sequences bos_token_id"
    " num_beams min_length min_new_tokens forced_bos_token_id forced_eos_token_id".split()
)
SILENT = frozenset(
    "max_new_tokens max_length eos_token_id pad_token_id num_return_sequences stop_strings"
    " bos_token_id decoder_start_token_id forced_decoder_ids renormalize_logits length_penalty"
    " early_stopping use_cache cache_implementation cache_config max_cache_len output_attentions"
    " output_hidden_states output_scores output_logits return_dict_in_generate is_assistant"
    " compile_config disable_compile continuous_batching_config low_memory prefill_chunk_size"
    " num_assistant_tokens num_assistant_tokens_schedule assistant_confidence_threshold"
    " max_matching_ngram_size assistant_lookbehind target_lookbehind transformers_version"
    " static_cache _commit_hash _from_model_config generation_mode"
    # Whisper's names of languages and tasks, and what only its time stamps use
    " lang_to_id task_to_id is_multilingual no_timestamps_token_id max_initial_timestamp_index"
    " alignment_heads prev_sot_token_id median_filter_width language task".split()
)
ELSEWHERE: dict[str, tuple[tuple, str]] = {
    "guidance_scale": ((1,), "run guided(model, Guidance(scale))"),
    "min_length": ((0,), "it counts the prompt; pass prompt_length= or use min_new_tokens"),
    "encoder_no_repeat_ngram_size": ((0,), "only NoRepeatNgram, over all tokens, exists"),
    "forced_bos_token_id": ((), "it is for prompts of one token; pass prompt_length="),
    "forced_eos_token_id": (
        (),
        "its place is the last one; give max_new_tokens, or max_length and prompt_length=",
    ),
    "remove_invalid_values": ((False,), "an invalid row draws -1 and ends"),
    "watermarking_config": ((), "its hash differs from ours; use Watermark or SynthID"),
    "token_healing": ((False,), "there is no token healing"),
    "max_time": ((), "pass a budget to generate"),
    "num_beams": (
        (1,),
        "it is a search; call beam(model, params, prompts, **beam_arguments(config))",
    ),
    "num_beam_groups": ((1,), "beam has no groups"),
    "diversity_penalty": ((0,), "beam has no groups"),
    "constraints": (([],), "beam has no constraints; TokenAutomaton constrains a sample"),
    "force_words_ids": (([],), "beam has no constraints; TokenAutomaton constrains a sample"),
    "penalty_alpha": ((0,), "there is no contrastive search"),
    "dola_layers": ((), "there is no DoLa"),
    "use_mtp": ((False,), "there is no multi-token prediction"),
    "prompt_lookup_num_tokens": ((0,), "call speculate, whose tokens are those of generate"),
    "assistant_early_exit": ((), "call speculate, whose tokens are those of generate"),
    "assistant_ensemble_weight": ((), "there is no ensemble of a draft and its target"),
    "speculation_type": ((), "call speculate, whose tokens are those of generate"),
    "return_timestamps": ((False,), "there are no rules of Whisper's time stamps"),
}

TABLE = Table(
    system="transformers",
    rows=(*BEFORE, *WARPERS, GREEDY),
    defaults={"do_sample": False, "temperature": 1.0, "top_k": 50, "top_p": 1.0},
    choices={"do_sample": (True, False)},
    silent=SILENT,
    elsewhere=ELSEWHERE,
)
# `beam` adds the scores that the sampler leaves.
NORMAL = Row(Function, fixed={"fn": jax.nn.log_softmax}, where={"renormalize_logits": (True,)})
# The sampler of beam search has no temperature of 0: `beam` looks at every token.
SEARCH = Table(
    system="transformers",
    rows=(*BEFORE, NORMAL),
    defaults=TABLE.defaults,
    choices={**TABLE.choices, "renormalize_logits": (True, False)},
    silent=SILENT | {row.keys[field].name for row in WARPERS for field in row.keys} | {"num_beams"},
    elsewhere={name: pair for name, pair in ELSEWHERE.items() if name != "num_beams"},
)
