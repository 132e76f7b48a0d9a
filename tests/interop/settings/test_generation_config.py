"""Each field of a generation config enters the chain, is passed to generate, or raises an error."""

import json

import jax
import jax.numpy as jnp
import pytest

from jaxsample import (
    BadWords,
    ForceTokens,
    Function,
    MinNewTokens,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    chain,
)
from jaxsample.interop import beam_arguments, from_generation_config, generate_arguments


def test_absent_fields_have_the_defaults_of_transformers():
    """In transformers a missing top_k means 50, and a missing do_sample means greedy."""
    assert repr(from_generation_config({"do_sample": True})) == repr(chain(TopK(50)))
    assert repr(from_generation_config({})) == repr(chain(Temperature(0.0)))
    assert repr(from_generation_config({"do_sample": True, "top_k": 0})) == "chain()"


def test_a_greedy_config_has_penalties_but_no_filters():
    sampler = from_generation_config({"repetition_penalty": 1.2, "top_k": 5, "top_p": 0.3})
    assert repr(sampler) == repr(chain(RepetitionPenalty(1.2), Temperature(0.0)))


def test_a_file_or_its_folder(tmp_path):
    config = {"do_sample": True, "top_k": 20, "top_p": 0.8, "transformers_version": "5.0.0"}
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps(config))
    for given in (tmp_path, str(path), config):
        assert repr(from_generation_config(given)) == repr(chain(TopK(20), TopP(0.8)))
    with pytest.raises(FileNotFoundError):
        from_generation_config(tmp_path / "missing.json")


def test_members_are_in_the_order_of_transformers():
    config = {
        "eta_cutoff": 0.02,
        "typical_p": 0.9,
        "min_p": 0.1,
        "top_p": 0.8,
        "top_k": 7,
        "temperature": 0.7,
        "do_sample": True,
        "suppress_tokens": [11],
        "min_new_tokens": 2,
        "bad_words_ids": [[7, 8], [2]],
        "no_repeat_ngram_size": 2,
        "repetition_penalty": 1.3,
        "sequence_bias": [[[3], 2.0]],
        "eos_token_id": 2,
    }
    names = [type(member).__name__ for member in from_generation_config(config)]
    before = "SequenceBias RepetitionPenalty NoRepeatNgram BadWords MinNewTokens Suppress"
    assert names == f"{before} Temperature TopK TopP MinP Typical Eta".split()


def test_fields_for_generate():
    config = {"max_new_tokens": 9, "eos_token_id": [1, 2], "pad_token_id": 0, "top_p": 0.5}
    assert generate_arguments(config) == {"max_new_tokens": 9, "eos": [1, 2], "pad": 0}


def test_suppressing_at_the_start_is_a_least_length_of_one():
    sampler = from_generation_config({"begin_suppress_tokens": [220, 50256]})
    assert repr(sampler[0]) == repr(MinNewTokens(1, [220, 50256]))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"guidance_scale": 1.5}, "guidance_scale=1.5.*Guidance"),
        ({"num_beams": 4}, "num_beams=4.*beam_arguments"),
        ({"min_length": 10}, "min_length=10.*min_new_tokens"),
        ({"forced_eos_token_id": 2}, "forced_eos_token_id=2.*max_new_tokens"),
        ({"forced_bos_token_id": 0}, "forced_bos_token_id=0.*pass prompt_length="),
        ({"forced_eos_token_id": [2, 3], "max_new_tokens": 5}, "one token can be forced"),
        ({"min_length": "long"}, "min_length must be a whole number, got 'long'"),
        ({"penalty_alpha": 0.6}, "penalty_alpha"),
        ({"watermarking_config": {"bias": 2.0}}, "watermarking_config"),
        ({"remove_invalid_values": True}, "remove_invalid_values"),
        ({"do_sample": "yes"}, "do_sample must be one of True, False, got 'yes'"),
        ({"return_timestamps": True}, "return_timestamps=True"),
        ({"min_new_tokens": 4}, "min_new_tokens needs eos_token_id"),
        ({"do_sample": True, "top_p": 1.7}, "top_p: .*1.7"),
        ({"do_sample": True, "top_k": -3}, "-3"),
    ],
)
def test_a_field_that_no_chain_expresses_is_named(config, message):
    with pytest.raises(ValueError, match=message):
        from_generation_config(config)


def test_an_unknown_field_passes_with_a_warning_and_is_refused_if_strict():
    config = {"temprature": 0.5, "profiles": {}, "user_token_id": None}
    with pytest.warns(UserWarning, match="no effect: 'temprature', 'profiles'$"):
        assert repr(from_generation_config(config)) == repr(chain(Temperature(0.0)))
    with pytest.raises(ValueError, match="generation config: .*'temprature', 'profiles'"):
        from_generation_config(config, strict=True)


def test_fields_that_count_the_prompt_need_its_length():
    """A decoder with an encoder begins with one token; BART forces the next and the last."""
    bart = {"min_length": 3, "max_length": 6, "forced_bos_token_id": 0, "forced_eos_token_id": 2,
            "eos_token_id": 2, "num_beams": 4}  # fmt: skip
    found = beam_arguments(bart, prompt_length=1)
    forced, scored, least = found["sampler"]
    assert chain(forced, least) == chain(ForceTokens([0, -1, -1, -1, 2]), MinNewTokens(2, 2))
    assert scored(jnp.array([-jnp.inf, -3.0, -jnp.inf])).tolist() == [-jnp.inf, 0.0, -jnp.inf]
    assert scored(jnp.array([-1.0, -3.0, -jnp.inf])).tolist() == [-1.0, -3.0, -jnp.inf]
    assert found["max_new_tokens"] == 5
    greedy = bart | {"num_beams": 1}
    longer = chain(ForceTokens([-1, -1, 2]), Temperature(0.0))
    assert from_generation_config(greedy, prompt_length=3) == longer
    assert generate_arguments(greedy, prompt_length=3) == {"max_new_tokens": 3, "eos": 2}
    both = {"min_length": 30, "min_new_tokens": 1, "eos_token_id": 2}  # the second one wins
    assert from_generation_config(both) == chain(MinNewTokens(1, 2), Temperature(0.0))


def test_max_new_tokens_overrides_max_length_which_counts_the_prompt():
    both = {"max_length": 20, "max_new_tokens": 12}
    assert generate_arguments(both, prompt_length=15) == {"max_new_tokens": 12}
    assert generate_arguments({"max_length": 20}, prompt_length=15) == {"max_new_tokens": 5}
    assert generate_arguments({"max_length": 131072}) == {}
    with pytest.raises(ValueError, match="max_length=20 counts the prompt, which has 20"):
        generate_arguments({"max_length": 20}, prompt_length=20)


def test_one_returned_sequence_keeps_the_shape():
    assert generate_arguments({"num_return_sequences": 1}) == {}
    assert generate_arguments({"num_return_sequences": 3}) == {"samples": 3}


@pytest.mark.parametrize("name", ["epsilon_cutoff", "eta_cutoff"])
@pytest.mark.parametrize("value", [-1, 1, 1.5])
def test_a_cutoff_outside_of_0_and_1_is_off(name, value):
    assert from_generation_config({"do_sample": True, "top_k": 0, name: value}) == chain()


def test_a_search_normalises_scores_where_asked():
    """Marian's configs forbid the padding and ask for the rest to sum to 1."""
    marian = {"num_beams": 2, "renormalize_logits": True, "bad_words_ids": [[1]]}
    sampler = beam_arguments(marian)["sampler"]
    assert sampler == chain(BadWords([[1]]), Function(jax.nn.log_softmax))
    with pytest.raises(ValueError, match="renormalize_logits must be one of True, False, got 5"):
        beam_arguments({"num_beams": 2, "renormalize_logits": 5})


@pytest.mark.parametrize(
    "off",
    [
        {"num_beams": 1},
        {"guidance_scale": None},
        {"min_length": 0},
        {"renormalize_logits": True},
    ],
)
def test_a_field_that_is_off_is_no_error(off):
    assert repr(from_generation_config(off)) == repr(chain(Temperature(0.0)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe{\x00}\x00", "decode"),
        (b"{", "Expecting"),
        (b"[1, 2]", "object with fields, got list"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"eos_token_id": 1.5}', "eos_token_id must be a whole number, got 1.5"),
        (b'{"eos_token_id": [2, "</s>"]}', "eos_token_id"),
        (b'{"max_new_tokens": true}', "max_new_tokens"),
        (b'{"bad_words_ids": 5}', "bad_words_ids: it must be a list, got 5"),
        (b'{"repetition_penalty": "high"}', "high"),
        (b'{"do_sample": true, "top_p": 1.7}', "1.7"),
        (b'{"num_beams": 4}', "num_beams=4"),
    ],
    ids=lambda x: x[:24].decode(errors="replace") if isinstance(x, bytes) else None,
)
def test_an_error_names_the_file(tmp_path, content, message):
    path = tmp_path / "generation_config.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"generation_config.json: .*{message}"):
        from_generation_config(tmp_path)
