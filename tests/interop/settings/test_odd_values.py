"""Values of a wrong type are errors of the setting in every system, and never enter a chain."""

import math

import pytest

from jaxsample.interop import (
    from_generation_config,
    from_llama_options,
    from_mlx_arguments,
    from_ollama_options,
    from_sampling_params,
    from_sglang_params,
    from_webui_preset,
)
from tests.interop.settings.words import EOS, tokenizer

TOKENIZER = tokenizer()
NUMBERS = {
    "transformers": (
        lambda d: from_generation_config({"do_sample": True, "eos_token_id": 2, **d}),
        "temperature top_k top_p min_p typical_p top_h epsilon_cutoff eta_cutoff repetition_penalty"
        " encoder_repetition_penalty no_repeat_ngram_size min_new_tokens num_beams max_length",
    ),
    "vllm": (
        lambda d: from_sampling_params(d, EOS),
        "temperature top_k top_p min_p repetition_penalty frequency_penalty presence_penalty"
        " min_tokens length_penalty",
    ),
    "llama.cpp": (
        lambda d: from_llama_options({"adaptive_target": 0.4, "samplers": "edskypmxta", **d},
                                     tokenizer=TOKENIZER),
        "temperature dynatemp_range top_k top_p min_p typical_p top_n_sigma xtc_probability"
        " repeat_penalty frequency_penalty presence_penalty dry_multiplier adaptive_target"
        " adaptive_decay mirostat",
    ),
    "ollama": (
        lambda d: from_ollama_options({"repeat_penalty": 1.1, **d}),
        "temperature top_k top_p min_p typical_p repeat_penalty repeat_last_n frequency_penalty",
    ),
    "text-generation-webui": (
        lambda d: from_webui_preset(d, tokenizer=TOKENIZER, eos=EOS),
        "temperature top_k top_p min_p typical_p tfs top_a top_n_sigma epsilon_cutoff eta_cutoff"
        " smoothing_factor repetition_penalty presence_penalty frequency_penalty dry_multiplier"
        " xtc_probability encoder_repetition_penalty no_repeat_ngram_size mirostat_mode",
    ),
    "mlx": (
        lambda d: from_mlx_arguments({"temp": 1.0, **d}),
        "temp top_k top_p min_p xtc_probability repetition_penalty presence_penalty",
    ),
    "sglang": (
        lambda d: from_sglang_params(d, EOS),
        "temperature top_k top_p min_p repetition_penalty frequency_penalty presence_penalty"
        " min_new_tokens",
    ),
}  # fmt: skip
ODD = ["0.5", "", [], [0.5], {}, {"a": 1}, True, math.nan, [["a"]]]


@pytest.mark.parametrize("system", NUMBERS)
def test_a_number_is_a_number(system):
    read, names = NUMBERS[system]
    for name in names.split():
        for value in ODD:
            with pytest.raises(ValueError, match=name):
                read({name: value})


LISTS = {
    "transformers": (from_generation_config, "suppress_tokens bad_words_ids sequence_bias"),
    "vllm": (
        lambda d: from_sampling_params(d, EOS, vocabulary=[None, b"a"], tokenizer=TOKENIZER),
        "allowed_token_ids bad_words guided_choice guided_regex logit_bias"
        " response_format structured_outputs",
    ),
    "llama.cpp": (
        lambda d: from_llama_options(d, tokenizer=TOKENIZER, eos=EOS),
        "logit_bias samplers",
    ),
    "mlx": (from_mlx_arguments, "logit_bias"),
    "sglang": (lambda d: from_sglang_params(d, EOS, vocabulary=[None, b"a"]), "logit_bias regex"),
}


@pytest.mark.parametrize("system", LISTS)
def test_lists_and_objects_are_checked_too(system):
    read, names = LISTS[system]
    for name in names.split():
        for value in (1.5, ["a", 1], [[1.5]], [["a"]], {"a": "b"}, True):
            with pytest.raises(ValueError):
                read({name: value})
