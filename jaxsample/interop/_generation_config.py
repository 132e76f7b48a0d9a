"""Hugging Face's generation_config.json as a chain, in the order transformers applies it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxsample.transforms.constraints._bias import SequenceBias
from jaxsample.transforms.constraints._start import MinNewTokens
from jaxsample.transforms.constraints._words import BadWords, Suppress
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.filters._probability import Epsilon, Eta
from jaxsample.transforms.filters._top_h import TopH
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.filters._typical import Typical
from jaxsample.transforms.penalties._counts import RepetitionPenalty
from jaxsample.transforms.penalties._length import ExponentialLengthDecay
from jaxsample.transforms.penalties._ngram import NoRepeatNgram
from jaxsample.transforms.temperatures._temperature import Temperature

Config = Mapping[str, Any] | str | os.PathLike

# What transformers fills in for a field that is absent or null; every other absent field is off.
DEFAULTS = {"do_sample": False, "temperature": 1.0, "top_k": 50, "top_p": 1.0}

# Fields that go to `generate`, by the name of its argument.
ARGUMENTS = {
    "max_new_tokens": "max_new_tokens",
    "max_length": "max_length",
    "eos_token_id": "eos",
    "pad_token_id": "pad",
    "num_return_sequences": "samples",
}

# Fields that never change which tokens come out.
SILENT = frozenset(
    "bos_token_id decoder_start_token_id renormalize_logits length_penalty early_stopping use_cache"
    " cache_implementation cache_config max_cache_len output_attentions output_hidden_states"
    " output_scores output_logits return_dict_in_generate is_assistant compile_config"
    " disable_compile continuous_batching_config low_memory prefill_chunk_size num_assistant_tokens"
    " num_assistant_tokens_schedule assistant_confidence_threshold max_matching_ngram_size"
    " assistant_lookbehind target_lookbehind transformers_version _commit_hash _from_model_config"
    " generation_mode".split()
)

# Fields with no place in a chain: the values that leave them off, and what to do about others.
ELSEWHERE: dict[str, tuple[tuple, str]] = {
    "guidance_scale": ((None, 1, 1.0), "run guided(model, Guidance(scale))"),
    "min_length": ((None, 0), "it counts the prompt; use min_new_tokens"),
    "encoder_no_repeat_ngram_size": ((None, 0), "only NoRepeatNgram, over all tokens, exists"),
    "forced_bos_token_id": ((None,), "use ForceTokens([id])"),
    "forced_eos_token_id": ((None,), "a row that uses up its budget ends without an eos"),
    "remove_invalid_values": ((None, False), "an invalid row draws -1 and ends"),
    "watermarking_config": ((None,), "its hash is its own; use Watermark or SynthID"),
    "token_healing": ((None, False), "there is no token healing"),
    "stop_strings": ((None,), "give generate their tokens as stop"),
    "max_time": ((None,), "give generate a budget"),
    "num_beams": ((None, 1), "there is no beam search"),
    "num_beam_groups": ((None, 1), "there is no beam search"),
    "diversity_penalty": ((None, 0, 0.0), "there is no beam search"),
    "constraints": ((None,), "there is no beam search; TokenAutomaton constrains a sample"),
    "force_words_ids": ((None,), "there is no beam search; TokenAutomaton constrains a sample"),
    "penalty_alpha": ((None, 0, 0.0), "there is no contrastive search"),
    "dola_layers": ((None,), "there is no DoLa"),
    "use_mtp": ((None, False), "there is no speculative decoding"),
    "prompt_lookup_num_tokens": ((None,), "there is no speculative decoding"),
    "assistant_early_exit": ((None,), "there is no speculative decoding"),
    "assistant_ensemble_weight": ((None,), "there is no speculative decoding"),
    "speculation_type": ((None,), "there is no speculative decoding"),
}


def from_generation_config(config: Config) -> Chain:
    """Make the chain that samples as transformers does under a generation config.

    The order is that of transformers 5: penalties and constraints, then, if `do_sample`, the
    temperature and the filters. As there, a config without `top_k` means 50, and one without
    `do_sample` is greedy (tied maxima are drawn among here; there the first is taken). `top_h`
    looks at the whole row, there at the 100 likeliest tokens. `generate_arguments` gives the fields
    that are not the sampler's.

    Args:
        config: the fields, or the path of a generation_config.json or of the folder it is in.

    Raises:
        ValueError: naming the field, if one is unknown, out of range, or asks for something a
            chain cannot do.
        FileNotFoundError: if there is no file at the path.

    >>> from_generation_config({"do_sample": True, "temperature": 0.6, "top_p": 0.95})
    chain(Temperature(value=0.6), TopK(k=50), TopP(p=0.95))
    """
    fields = _read(config)
    members = [make(fields[name], fields) for name, make in _BEFORE.items() if name in fields]
    if not fields.get("do_sample", DEFAULTS["do_sample"]):
        return chain(*_flat(members), Temperature(0.0))
    fields = {**DEFAULTS, **fields}
    members += [make(fields[name], fields) for name, make in _WARPERS.items() if name in fields]
    return chain(*_flat(members))


def generate_arguments(config: Config) -> dict[str, Any]:
    """Return the fields of a generation config that are arguments of `generate`, by its names.

    Args:
        config: as for `from_generation_config`.

    >>> generate_arguments({"max_new_tokens": 20, "eos_token_id": [2, 7], "top_k": 5})
    {'max_new_tokens': 20, 'eos': [2, 7]}
    """
    fields = _read(config)
    return {ARGUMENTS[name]: value for name, value in fields.items() if name in ARGUMENTS}


def _read(config):
    if not isinstance(config, Mapping):
        path = Path(config)
        path = path / "generation_config.json" if path.is_dir() else path
        config = json.loads(path.read_text())
    known = {*_BEFORE, *_WARPERS, *DEFAULTS, *ARGUMENTS, *SILENT, *ELSEWHERE}
    for name, value in config.items():
        if name not in known:
            raise ValueError(f"generation config: no field is named {name!r}")
        if name in ELSEWHERE:
            off, remedy = ELSEWHERE[name]
            if value not in off:
                raise ValueError(f"generation config: {name}={value!r} is no transform; {remedy}")
    return {name: value for name, value in config.items() if value is not None}


def _ends(fields, name):
    eos = fields.get("eos_token_id")
    if eos is None:
        raise ValueError(f"generation config: {name} needs eos_token_id")
    return [eos] if isinstance(eos, int) else list(eos)


def _sequence_bias(value, fields):
    pairs = list(value.items() if isinstance(value, Mapping) else value)
    return SequenceBias([list(tokens) for tokens, _ in pairs], [bias for _, bias in pairs])


def _bad_words(value, fields):
    eos = fields.get("eos_token_id")
    ends = [] if eos is None else _ends(fields, "bad_words_ids")
    words = [list(w) for w in value if list(w) not in [[e] for e in ends]]
    return BadWords(words) if words else None


def _min_new_tokens(value, fields):
    return MinNewTokens(value, _ends(fields, "min_new_tokens")) if value else None


def _decay(value, fields):
    start, factor = value
    return ExponentialLengthDecay(start, factor, _ends(fields, "exponential_decay_length_penalty"))


def _unless(off: Any, make: Callable) -> Callable:
    return lambda value, fields: None if value == off else make(value)


# In the order in which transformers applies them.
_BEFORE: dict[str, Callable] = {
    "sequence_bias": _sequence_bias,
    "encoder_repetition_penalty": _unless(1, lambda p: RepetitionPenalty(1 / p, scope="prompt")),
    "repetition_penalty": _unless(1, RepetitionPenalty),
    "no_repeat_ngram_size": _unless(0, NoRepeatNgram),
    "bad_words_ids": _bad_words,
    "min_new_tokens": _min_new_tokens,
    "exponential_decay_length_penalty": _decay,
    "suppress_tokens": lambda value, fields: Suppress(value) if value else None,
    "begin_suppress_tokens": lambda value, fields: MinNewTokens(1, value) if value else None,
}
_WARPERS: dict[str, Callable] = {
    "temperature": _unless(1, Temperature),
    "top_h": lambda value, fields: TopH(value),
    "top_k": _unless(0, TopK),
    "top_p": _unless(1, TopP),
    "min_p": _unless(0, MinP),
    "typical_p": _unless(1, Typical),
    "epsilon_cutoff": _unless(0, Epsilon),
    "eta_cutoff": _unless(0, Eta),
}


def _flat(members):
    return [t for t in members if t is not None]
