"""An error of a value with another form names the setting, and one of a path the path."""

import pytest

from jaxsample.interop import (
    beam_arguments,
    from_generation_config,
    from_llama_options,
    from_mlx_arguments,
    from_sampling_params,
    from_sglang_params,
    from_webui_preset,
    generate_arguments,
    vocabulary_of,
)
from tests.interop.settings.words import EOS, tokenizer

TOKENIZER = tokenizer()
VOCABULARY = vocabulary_of(TOKENIZER)
READ = {
    "transformers": lambda d: from_generation_config({"eos_token_id": 2, **d}),
    "generate": generate_arguments,
    "beam": lambda d: beam_arguments({"num_beams": 2, **d}),
    "vllm": lambda d: from_sampling_params(d, EOS, vocabulary=VOCABULARY, tokenizer=TOKENIZER),
    "sglang": lambda d: from_sglang_params(d, EOS, vocabulary=VOCABULARY),
    "llama.cpp": lambda d: from_llama_options(
        d, eos=EOS, vocabulary=VOCABULARY, tokenizer=TOKENIZER
    ),
    "webui": lambda d: from_webui_preset(d, tokenizer=TOKENIZER, eos=EOS),
    "mlx": from_mlx_arguments,
}


@pytest.mark.parametrize(
    "system, settings, message",
    [
        ("llama.cpp", {"logit_bias": 5}, "logit_bias: .*5"),
        ("llama.cpp", {"logit_bias": [[3]]}, "logit_bias: .*pairs.*3"),
        ("llama.cpp", {"logit_bias": [[3, "x"]]}, "logit_bias: .*'x'"),
        ("llama.cpp", {"samplers": 5}, "samplers .*5"),
        ("llama.cpp", {"samplers": [["top_k"]]}, "samplers .*top_k"),
        ("llama.cpp", {"samplers": {"top_k": 1}}, "samplers .*top_k"),
        (
            "llama.cpp",
            {"dry_multiplier": 1, "dry_sequence_breakers": [5]},
            "dry_sequence_breakers .*5",
        ),
        ("llama.cpp", {"json_schema": 5}, "json_schema: .*5"),
        ("vllm", {"stop_token_ids": 5}, "stop_token_ids: .*5"),
        ("vllm", {"guided_json": 5}, "guided_json: .*5"),
        ("vllm", {"logit_bias": {3.7: 1}}, "logit_bias: .*3.7"),
        ("vllm", {"logit_bias": {True: 1}}, "logit_bias: .*True"),
        ("vllm", {"logit_bias": {3: "x"}}, "logit_bias: .*'x'"),
        (
            "vllm",
            {"response_format": {"type": "json_schema", "json_schema": 5}},
            "response_format: .*5",
        ),
        ("sglang", {"stop_token_ids": 5}, "stop_token_ids: .*5"),
        ("sglang", {"json_schema": 5}, "json_schema: .*5"),
        ("sglang", {"temperature": 0, "top_k": "x"}, "top_k: .*'x'"),
        ("webui", {"sampler_priority": 5}, "sampler_priority: .*5"),
        (
            "webui",
            {"dry_multiplier": 1, "dry_sequence_breakers": 5},
            "dry_sequence_breakers .*5",
        ),
        (
            "webui",
            {"dry_multiplier": 1, "dry_sequence_breakers": "5"},
            "dry_sequence_breakers must hold strings, got '5'",
        ),
        ("webui", {"sampler_priority": [5]}, "sampler_priority: there is no '5'"),
        ("mlx", {"logit_bias": {"a": 1}}, "logit_bias: .*'a'"),
        ("mlx", {"temp": 1, "xtc_probability": 1, "xtc_threshold": 0.7}, "xtc_threshold: .*0.7"),
        ("vllm", {"logit_bias": {"-1": 5}}, "logit_bias: token -1 is outside of the vocabulary"),
        ("llama.cpp", {"logit_bias": {"-1": 5}}, "logit_bias: token -1 is outside of the voc"),
        ("llama.cpp", {"logit_bias": [[-1, 5]]}, "logit_bias: token -1 is outside of the voc"),
        ("sglang", {"logit_bias": {"-1": 5}}, "logit_bias: token -1 is outside of the vocabulary"),
        ("webui", {"typical_p": 0}, "typical_p: it must be above 0, got 0"),
        ("transformers", {"do_sample": True, "typical_p": 0}, "typical_p: it must be above 0"),
        ("transformers", {"do_sample": True, "top_h": 0}, "top_h: it must be above 0, got 0"),
        ("transformers", {"do_sample": True, "temperature": 0.0}, "temperature: .*do_sample false"),
        ("mlx", {"temp": 0, "top_k": "x"}, "top_k: .*'x'"),
        ("transformers", {"exponential_decay_length_penalty": 5}, "exponential_decay_.*: .*5"),
        ("transformers", {"sequence_bias": 5}, "sequence_bias: .*5"),
        ("transformers", {"sequence_bias": [[[3], True]]}, "sequence_bias: .*True"),
        ("generate", {"max_new_tokens": -5}, "max_new_tokens must be at least 1, got -5"),
        ("generate", {"num_return_sequences": 0}, "samples must be at least 1, got 0"),
        ("generate", {"pad_token_id": -1}, "pad must be at least 0, got -1"),
        ("beam", {"length_penalty": "x"}, "length_penalty: .*'x'"),
        ("beam", {"early_stopping": 5}, "early_stopping must be True, False or 'never', got 5"),
        ("webui", {"heat": 5}, "no setting 'heat' .here 5.; correct or remove it"),
    ],
)
def test_the_setting_is_named(system, settings, message):
    with pytest.raises(ValueError, match=message):
        READ[system](settings)


@pytest.mark.parametrize("read", [from_webui_preset, from_generation_config])
def test_a_path_that_is_no_file_is_named(tmp_path, read):
    (tmp_path / "file").write_text("top_k: 5")
    long = tmp_path / ("x" * 5000)
    for path in (long, tmp_path / "file" / "inside"):
        with pytest.raises(ValueError, match=f"{tmp_path}.*it is no file"):
            read(path)
    with pytest.raises(ValueError if read is from_webui_preset else FileNotFoundError):
        read(tmp_path)


@pytest.mark.parametrize(
    "system, settings, same",
    [
        ("sglang", {"stop_token_ids": [None]}, {}),
        ("vllm", {"return_token_ids": True, "cache_salt": "a"}, {}),
        ("mlx", {"temp": 1, "top_k": -1}, {"temp": 1}),
        ("transformers", {"no_repeat_ngram_size": -1, "force_words_ids": []}, {}),
        ("transformers", {"prompt_lookup_num_tokens": 0, "constraints": []}, {}),
        ("transformers", {"static_cache": False, "bos_token_id": [1, 2]}, {}),
        ("llama.cpp", {"response_format": {"type": "text"}, "tools": [], "verbose": True}, {}),
        ("webui", {"sampler_priority": "top_k,adaptive_p,temperature", "adaptive_decay": 0.9}, {}),
    ],
)  # fmt: skip
def test_a_setting_without_effect_passes(system, settings, same):
    assert READ[system](settings) == READ[system](same)
