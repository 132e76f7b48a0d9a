"""The presets of text-generation-webui, and the arguments of mlx-lm and SGLang."""

import pytest

from jaxsample import (
    DRY,
    XTC,
    DynamicTemperature,
    Epsilon,
    Eta,
    FrequencyPenalty,
    MinNewTokens,
    MinP,
    Mirostat,
    NoRepeatNgram,
    PresencePenalty,
    Quadratic,
    RepetitionPenalty,
    SequenceBias,
    TailFree,
    Temperature,
    TopA,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    chain,
)
from jaxsample.interop import (
    from_mlx_arguments,
    from_sglang_params,
    from_webui_preset,
    vocabulary_of,
)
from tests.interop.settings.words import EOS, tokenizer

# Presets of https://github.com/oobabooga/text-generation-webui, as its files hold them.
PRESETS = {
    "Qwen3 - Thinking": (
        "temperature: 0.6\ntop_p: 0.95\ntop_k: 20\n",
        chain(Temperature(0.6), TopK(20), TopP(0.95)),
    ),
    "Midnight Enigma": (
        "temperature: 0.98\ntop_p: 0.37\nrepetition_penalty: 1.18\ntop_k: 100\n",
        chain(RepetitionPenalty(1.18, window=1024), Temperature(0.98), TopK(100), TopP(0.37)),
    ),
    "Dynamic Temperature": (
        "dynamic_temperature: true\ndynatemp_low: 0.01\ndynatemp_high: 2\ndynatemp_exponent: 1\n"
        "temperature_last: true\nmin_p: 0.07\n",
        chain(MinP(0.07), DynamicTemperature(0.01, 2.0, 1.0)),
    ),
    "Special-Eta Sampling": (
        "do_sample: true\neta_cutoff: 3\ntemperature: 0.7\nrepetition_penalty: 1.18\n",
        chain(RepetitionPenalty(1.18, window=1024), Temperature(0.7), Eta(3e-4)),
    ),
    "tfs-with-top-a": (
        "temperature: 0.7\ntfs: 0.95\ntop_a: 0.2\nrepetition_penalty: 1.15\n",
        chain(RepetitionPenalty(1.15, window=1024), Temperature(0.7), TailFree(0.95), TopA(0.2)),
    ),
    "Creative": (
        "min_p: 0.02\nxtc_probability: 0.5\n",
        chain(MinP(0.02), XTC(0.1, 0.5, keep=[4, EOS], spare="row")),
    ),
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_the_interface(tmp_path, name):
    written, expected = PRESETS[name]
    path = tmp_path / f"{name}.yaml"
    path.write_text(written)
    assert from_webui_preset(path, tokenizer=tokenizer(), eos=EOS) == expected


def test_all_settings_of_a_preset_in_order():
    preset = dict(
        repetition_penalty=1.1, presence_penalty=0.2, frequency_penalty=0.3,
        repetition_penalty_range=0, dry_multiplier=0.8, top_n_sigma=1.5, smoothing_factor=0.2,
        smoothing_curve=1.5, top_k=30, top_p=0.9, typical_p=0.8, epsilon_cutoff=5, eta_cutoff=6,
        tfs=0.9, top_a=0.1, min_p=0.05, encoder_repetition_penalty=1, no_repeat_ngram_size=3,
    )  # fmt: skip
    assert from_webui_preset(preset, tokenizer=tokenizer()) == chain(
        RepetitionPenalty(1.1),
        PresencePenalty(0.2),
        FrequencyPenalty(0.3),
        DRY(0.8, breakers=[[4], [11], [6], [7]]),  # "a:" is one token
        TopNSigma(1.5),
        Quadratic(0.2, 1.5),
        TopK(30),
        TopP(0.9),
        Typical(0.8),
        Epsilon(5e-4),
        Eta(6e-4),
        TailFree(0.9),
        TopA(0.1),
        MinP(0.05),
        NoRepeatNgram(3),
    )
    assert from_webui_preset({"mirostat_mode": 2, "temperature": 0.9, "mirostat_tau": 8}) == chain(
        Temperature(0.9), Mirostat(8, 0.1)
    )


def test_a_priority_saved_in_quotes_is_an_order(tmp_path):
    """PyYAML writes a text of several lines in single quotes, with empty lines between them."""
    path = tmp_path / "mine.yaml"
    path.write_text("top_k: 5\ntop_p: 0.5\nsampler_priority: 'top_p\n\n  top_k\n\n  dry'\n")
    assert from_webui_preset(path) == chain(TopP(0.5), TopK(5))
    path.write_text("top_k: 5\ntop_p: 0.5\nsampler_priority: |-\n  top_p\n  top_k\n  top_p\n")
    assert from_webui_preset(path) == chain(TopP(0.5), TopK(5))


def test_null_is_no_sampling():
    """A null replaces the default of the interface, and transformers takes it as false."""
    assert from_webui_preset({"do_sample": None, "top_k": None}) == chain(Temperature(0.0))


def test_samplers_without_a_place_in_the_priority_run_first():
    """Older files list no penalties there."""
    preset = {"sampler_priority": "temperature\ntop_p\nmin_p", "temperature": 0.5, "top_p": 0.9,
              "repetition_penalty": 1.1, "frequency_penalty": 0.2, "top_k": 9}  # fmt: skip
    assert from_webui_preset(preset) == chain(
        TopK(9),
        RepetitionPenalty(1.1, window=1024),
        FrequencyPenalty(0.2, window=1024),
        Temperature(0.5),
        TopP(0.9),
    )


def test_temperature_last_needs_no_place_in_the_priority():
    preset = {"sampler_priority": "top_k", "temperature_last": True, "top_k": 5, "temperature": 0.5}
    assert from_webui_preset(preset) == chain(TopK(5), Temperature(0.5))


def test_a_cutoff_of_all_is_off():
    assert from_webui_preset({"epsilon_cutoff": 1e4, "eta_cutoff": -1}) == chain()


def test_without_sampling_a_preset_is_penalties_and_greedy():
    preset = {"do_sample": False, "top_k": 5, "repetition_penalty": 1.2, "temperature": 0.5}
    assert from_webui_preset(preset | {"no_repeat_ngram_size": 2}) == chain(
        RepetitionPenalty(1.2, window=1024), NoRepeatNgram(2), Temperature(0.0)
    )


@pytest.mark.parametrize(
    "preset, message",
    [
        ({"xtc_probability": 0.5}, "xtc_probability needs the token of a line break; give"),
        ({"xtc_probability": 0.5, "tokenizer": 1}, "xtc_probability: give eos="),
        ({"penalty_alpha": 0.6}, "penalty_alpha=0.6"),
        ({"guidance_scale": 1.5}, "guidance_scale=1.5.*Guidance"),
        ({"mirostat_mode": 1}, "mirostat_mode must be one of 0, 2, got 1"),
        ({"temprature": 0.6}, "text-generation-webui has no setting 'temprature'"),
        ({"sampler_priority": "top_k\nheat"}, "sampler_priority: there is no 'heat'"),
        ({"sampler_priority": "temperature", "mirostat_mode": 2, "temperature": 0.5}, "turn temp"),
        ({"mirostat_mode": 2, "no_repeat_ngram_size": 2}, "mirostat draws.*turn no_repeat_ngram"),
        ({"temperature": 0.5, "encoder_repetition_penalty": 1.1}, "cannot run after a temperature"),
        ({"do_sample": False, "top_a": 0.5}, "do_sample is false, so turn top_a off"),
    ],
)
def test_a_setting_that_no_chain_expresses_is_named(preset, message):
    text = tokenizer() if preset.pop("tokenizer", None) else None
    with pytest.raises(ValueError, match=message):
        from_webui_preset(preset, tokenizer=text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("sampler_priority:\n- top_p\n- top_k\ntop_k: 5\ntop_p: 0.5", chain(TopP(0.5), TopK(5))),
        ("do_sample: yes\ntop_k: 010", chain(TopK(8))),
    ],
)
def test_a_preset_is_read_as_yaml(tmp_path, text, expected):
    (tmp_path / "mine.yaml").write_text(text)
    assert from_webui_preset(tmp_path / "mine.yaml") == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("top_p: 1e-4", "top_p"),  # YAML reads a text
        ("temperature: 'warm", "it is not YAML: .*line 1"),
        ("- top_k", "it must hold an object with fields, got list"),
        ("", "it must hold an object with fields, got NoneType"),
        ("top_p: {0.5: 1}", "top_p"),
    ],
)
def test_a_preset_that_is_no_preset_names_its_file(tmp_path, text, message):
    path = tmp_path / "odd.yaml"
    path.write_text(text + "\n")
    with pytest.raises(ValueError, match=f"(?s)odd.yaml: .*{message}"):
        from_webui_preset(path)


def test_mlx():
    assert from_mlx_arguments({}) == from_mlx_arguments({"top_p": 0.5}) == chain(Temperature(0.0))
    everything = dict(
        temp=0.7, top_p=0.9, min_p=0.1, top_k=30, xtc_probability=0.5, xtc_special_tokens=[4, 0],
        logit_bias={3: 1.0}, repetition_penalty=1.1, repetition_context_size=0,
        presence_penalty=0.2, frequency_penalty=0.3, frequency_context_size=50,
    )  # fmt: skip
    assert from_mlx_arguments(everything) == chain(
        SequenceBias([[3]], [1.0]),
        RepetitionPenalty(1.1),
        PresencePenalty(0.2, window=20),
        FrequencyPenalty(0.3, window=50),
        TopP(0.9),
        MinP(0.1),
        XTC(0.1, 0.5, keep=[4, 0]),
        TopK(30),
        Temperature(0.7),
    )
    for wrong, message in (
        ({"min_tokens_to_keep": 2}, "min_tokens_to_keep=2"),
        ({"temperature": 0.7}, "temperature=0.7.*named temp"),
        ({"heat": 0.7}, "mlx-lm has no setting 'heat'"),
    ):
        with pytest.raises(ValueError, match=message):
            from_mlx_arguments(wrong)


def test_sglang():
    everything = dict(
        temperature=0.7, top_p=0.9, top_k=30, min_p=0.1, frequency_penalty=0.2,
        presence_penalty=0.3, repetition_penalty=1.1, min_new_tokens=2, logit_bias={"3": 1.0},
        max_new_tokens=9, n=2,
    )  # fmt: skip
    assert from_sglang_params(everything, eos=EOS) == chain(
        FrequencyPenalty(0.2, scope="output"),
        PresencePenalty(0.3, scope="output"),
        MinNewTokens(2, EOS),
        RepetitionPenalty(1.1, scope="output"),
        SequenceBias([[3]], [1.0]),
        Temperature(0.7),
        TopP(0.9),
        TopK(30),
        MinP(0.1),
    )
    assert from_sglang_params({"temperature": 0, "top_p": 0.5}) == chain(Temperature(0.0))
    assert from_sglang_params({"top_k": 1 << 30}) == from_sglang_params({"top_k": -1}) == chain()
    found = from_sglang_params({"regex": "ab*"}, eos=EOS, vocabulary=vocabulary_of(tokenizer()))
    assert [type(member).__name__ for member in found] == ["TokenAutomaton"]
    for wrong, message in (
        ({"ebnf": "root ::= x"}, "ebnf=.*from_grammar"),
        ({"min_new_tokens": 2}, "a least length needs eos= or stop_token_ids"),
        ({"regex": "a", "json_schema": "{}"}, "json_schema, regex ask for 2"),
        ({"regex": "a"}, "regex needs vocabulary="),
        ({"frequency_penalty": 2.5}, "frequency_penalty: it must be from -2 to 2"),
        ({"repetition_penalty": 3}, "repetition_penalty: it must be from 0 to 2"),
        ({"top_p": 0}, "top_p: it must be above 0"),
        ({"top_k": 0}, "top_k"),
    ):
        with pytest.raises(ValueError, match=message):
            from_sglang_params(wrong)
