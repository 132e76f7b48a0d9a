"""Chains from Hugging Face's generation_config.json, in the order of transformers."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxsample.interop.automaton._stop import stop_strings
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

# The values of transformers for absent or null fields. Every other absent field is off.
DEFAULTS = {"do_sample": False, "temperature": 1.0, "top_k": 50, "top_p": 1.0}

# Fields that are arguments of `generate`, with the names they have there.
ARGUMENTS = {
    "max_new_tokens": "max_new_tokens",
    "max_length": "max_length",
    "eos_token_id": "eos",
    "pad_token_id": "pad",
    "num_return_sequences": "samples",
}

# The field of strings that end a row; their tokens depend on a vocabulary.
STOP = "stop_strings"

# Fields that hold whole numbers; eos_token_id may also hold a list of them.
WHOLE = frozenset({*ARGUMENTS, "bos_token_id"})

# Fields that never change the tokens.
SILENT = frozenset(
    "bos_token_id decoder_start_token_id renormalize_logits length_penalty early_stopping use_cache"
    " cache_implementation cache_config max_cache_len output_attentions output_hidden_states"
    " output_scores output_logits return_dict_in_generate is_assistant compile_config"
    " disable_compile continuous_batching_config low_memory prefill_chunk_size num_assistant_tokens"
    " num_assistant_tokens_schedule assistant_confidence_threshold max_matching_ngram_size"
    " assistant_lookbehind target_lookbehind transformers_version _commit_hash _from_model_config"
    " generation_mode".split()
)

# Fields that no chain can express: the values that turn them off, and the remedy for others.
ELSEWHERE: dict[str, tuple[tuple, str]] = {
    "guidance_scale": ((None, 1, 1.0), "run guided(model, Guidance(scale))"),
    "min_length": ((None, 0), "it counts the prompt; use min_new_tokens"),
    "encoder_no_repeat_ngram_size": ((None, 0), "only NoRepeatNgram, over all tokens, exists"),
    "forced_bos_token_id": ((None,), "use ForceTokens([id])"),
    "forced_eos_token_id": ((None,), "a row that uses up its budget ends without an eos"),
    "remove_invalid_values": ((None, False), "an invalid row draws -1 and ends"),
    "watermarking_config": ((None,), "its hash differs from ours; use Watermark or SynthID"),
    "token_healing": ((None, False), "there is no token healing"),
    "max_time": ((None,), "pass a budget to generate"),
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
    temperature and the filters. As in transformers, `top_k` is 50 if absent, and a config without
    `do_sample` is greedy. Two things differ. Greedy decoding draws one of tied maxima, while
    transformers takes the first. `top_h` reads the whole row, while transformers reads the 100
    likeliest tokens. `generate_arguments` returns the fields that are arguments of `generate`.

    Args:
        config: the fields, or the path of a generation_config.json or of its folder.

    Raises:
        ValueError: if a field is unknown, out of range, or needs something that a chain cannot do,
            or if the file is malformed. The message names the file, if any, and the field.
        FileNotFoundError: if there is no file at the path.

    >>> from_generation_config({"do_sample": True, "temperature": 0.6, "top_p": 0.95})
    chain(Temperature(value=0.6), TopK(k=50), TopP(p=0.95))
    """
    with _fields(config) as fields:
        members = [make(fields[name], fields) for name, make in _BEFORE.items() if name in fields]
        if fields.get("do_sample", DEFAULTS["do_sample"]):
            fields = {**DEFAULTS, **fields}
            members += [
                make(fields[name], fields) for name, make in _WARPERS.items() if name in fields
            ]
        else:
            members.append(Temperature(0.0))
        return chain(*(member for member in members if member is not None))


def generate_arguments(
    config: Config, vocabulary: Sequence[bytes | None] | None = None
) -> dict[str, Any]:
    """Return the fields of a generation config that are arguments of `generate`.

    The keys are the names that `generate` has for them.

    Args:
        config: as for `from_generation_config`.
        vocabulary: the bytes of each token, from `vocabulary_of`; `stop_strings` needs it.

    Raises:
        ValueError, FileNotFoundError: as for `from_generation_config`.

    >>> generate_arguments({"max_new_tokens": 20, "eos_token_id": [2, 7], "top_k": 5})
    {'max_new_tokens': 20, 'eos': [2, 7]}
    """
    with _fields(config) as fields:
        found = {ARGUMENTS[name]: value for name, value in fields.items() if name in ARGUMENTS}
        if STOP in fields:
            if vocabulary is None:
                raise ValueError(f"{STOP} needs vocabulary=vocabulary_of(tokenizer, special=True)")
            found["stop"] = stop_strings(fields[STOP], vocabulary)
        return found


@contextlib.contextmanager
def _fields(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the fields that are not null; every error names the file, if the config is one."""
    source = "generation config"
    try:
        if not isinstance(config, Mapping):
            path = Path(config)
            path = path / "generation_config.json" if path.is_dir() else path
            source = str(path)
            config = json.loads(path.read_text(encoding="utf-8"))
        yield _checked(config)
    except RecursionError as error:
        raise ValueError(f"{source}: the JSON is nested too deeply") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{source}: {error}") from error


def _checked(config: Any) -> dict[str, Any]:
    if not isinstance(config, Mapping):
        raise ValueError(f"it must hold an object with fields, got {type(config).__name__}")
    known = {*_BEFORE, *_WARPERS, *DEFAULTS, *ARGUMENTS, STOP, *SILENT, *ELSEWHERE}
    for name, value in config.items():
        if name not in known:
            raise ValueError(f"there is no field {name!r}")
        if name in ELSEWHERE:
            off, remedy = ELSEWHERE[name]
            if value not in off:
                raise ValueError(f"{name}={value!r} cannot be in a chain: {remedy}")
        listed = value if name == "eos_token_id" and isinstance(value, list) else [value]
        if name in WHOLE and value is not None and not all(type(x) is int for x in listed):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
    return {name: value for name, value in config.items() if value is not None}


def _ends(fields, name):
    eos = fields.get("eos_token_id")
    if eos is None:
        raise ValueError(f"{name} needs eos_token_id")
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


# Both tables are in the order of transformers.
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
