"""The generation_config.json of public models, as GitHub repositories hold them."""

import inspect
import json
import warnings
from pathlib import Path

import jax
import pytest

from jaxsample import BadWords, Function, MinNewTokens, NoRepeatNgram, beam, generate
from jaxsample.interop import (
    beam_arguments,
    decoder_prompt,
    from_generation_config,
    generate_arguments,
    to_generation_config,
)

LINES = Path(__file__).with_name("generation_configs.jsonl").read_text("utf-8").splitlines()
FILES = {entry["model"]: entry for entry in map(json.loads, LINES)}
GREEDY = "chain(Temperature(value=0.0))"
PLACES = {"pegasus", "pegasus-samsum", "bart", "marian"}  # they force the last token
BEAMS = {"SMALL-100", "trocr", "m2m100"} | PLACES
CHAINS = {
    "nb-whisper-small-beta": "chain(Suppress(tokens=int32[88]),"
    " MinNewTokens(n=1, eos=[220, 50257]), Temperature(value=0.0))",
    "orpheus-3b": "chain(Temperature(value=0.6), TopK(k=50), TopP(p=0.9))",
    "infimm-zephyr": "chain(TopP(p=0.5))",
    "olmOCR": "chain(Temperature(value=0.01), TopK(k=1), TopP(p=0.001))",
    "Reflection-Llama-3.1-70B": "chain(Temperature(value=0.7), TopK(k=50), TopP(p=0.95))",
    "LongBaichuan": "chain(RepetitionPenalty(penalty=1.05), Temperature(value=0.3), TopK(k=5),"
    " TopP(p=0.85))",
    "AndesVL": "chain(Temperature(value=0.6), TopK(k=20), TopP(p=0.95))",
    "ruGPT3XL": "chain(RepetitionPenalty(penalty=1.2), Temperature(value=0.7), TopK(k=50),"
    " TopP(p=0.9))",
    "sakura-14b-qwen2.5": "chain(RepetitionPenalty(penalty=1.1111112, scope='prompt'),"
    " RepetitionPenalty(penalty=1.05), Temperature(value=0.1), TopK(k=30), TopP(p=0.3))",
    "Oracle19B": "chain(RepetitionPenalty(penalty=1.2), NoRepeatNgram(n=3), MinNewTokens(n=1,"
    " eos=[3]), Temperature(value=0.7), TopK(k=50), TopP(p=0.95))",
    "LiverGPT": "chain(RepetitionPenalty(penalty=1.05), Temperature(value=0.7), TopK(k=20),"
    " TopP(p=0.8))",
}
UNKNOWN = {
    "LongBaichuan": ["user_token_id", "assistant_token_id"],
    "HSA1.0": ["architectures", "decoding_strategy"],
    "Oracle19B": ["_name_or_path", "profiles"],
    "QuinBeta21": ["core_rate"],
}
READABLE = sorted(FILES.keys() - BEAMS - {"Qwen1.5-moe-8x0.5B-Chat"})


def read(model, **options):
    """Return the chain of a model and the warnings of reading it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chain = from_generation_config(FILES[model]["config"], **options)
    return chain, [str(w.message) for w in caught]


@pytest.mark.parametrize("model", READABLE)
def test_the_chain_of_a_public_model(model):
    chain, warned = read(model)
    assert repr(chain) == CHAINS.get(model, GREEDY)
    names = ", ".join(map(repr, UNKNOWN.get(model, ())))
    assert warned == ([f"unknown fields, which have no effect: {names}"] if names else [])


@pytest.mark.parametrize("model", READABLE)
def test_strict_refuses_unknown_fields_alone(model):
    if model not in UNKNOWN:
        assert read(model, strict=True)[1] == []
        return
    with pytest.raises(ValueError, match=UNKNOWN[model][0]):
        read(model, strict=True)


@pytest.mark.parametrize("model", READABLE)
def test_a_chain_written_and_read_is_the_same(model):
    chain, _ = read(model)
    written = json.loads(json.dumps(to_generation_config(chain)))
    assert from_generation_config(written, strict=True) == chain


def test_the_malformed_file_is_named(tmp_path):
    path = tmp_path / "generation_config.json"
    path.write_text(FILES["Qwen1.5-moe-8x0.5B-Chat"]["text"])
    with pytest.raises(ValueError, match=r"generation_config\.json: Expecting ',' delimiter"):
        from_generation_config(tmp_path)


def test_beams_lead_to_beam_search():
    for model in BEAMS - PLACES:
        config = FILES[model]["config"]
        with pytest.raises(ValueError, match="num_beams=.*beam_arguments"):
            from_generation_config(config)
        with pytest.raises(ValueError, match="num_beams=.*beam_arguments"):
            generate_arguments(config)
    found = beam_arguments(FILES["trocr"]["config"], prompt_length=1)
    inspect.signature(beam).bind("model", "params", "prompts", **found)
    assert repr(found.pop("sampler")) == "chain(NoRepeatNgram(n=3))"
    assert found == {
        "beams": 4,
        "early_stopping": True,
        "length_penalty": 2.0,
        "eos": 2,
        "pad": 1,
        "max_new_tokens": 63,
    }


@pytest.mark.parametrize("model", sorted(PLACES))
def test_a_search_that_forces_the_last_token(model):
    config = FILES[model]["config"]
    with pytest.raises(ValueError, match="prompt_length="):  # it has no place
        beam_arguments(config)
    found = beam_arguments(config, prompt_length=1)
    inspect.signature(beam).bind("model", "params", "prompts", **found)
    first = config.get("forced_bos_token_id", -1)
    between = [-1] * (config["max_length"] - 3)
    assert found["sampler"][0].tokens.tolist() == [first, *between, config["eos_token_id"]]
    rest = {
        "bart": [NoRepeatNgram(3), MinNewTokens(55, 2)],
        "marian": [BadWords([[59513]]), Function(jax.nn.log_softmax)],
        "pegasus-samsum": [MinNewTokens(31, 1)],
        "pegasus": [],
    }
    assert list(found["sampler"])[2:] == rest[model]


def test_whispers_prompt():
    config = FILES["nb-whisper-small-beta"]["config"]
    assert decoder_prompt(config, "<|no|>") == [50258, 50288, 50359, 50363]
    with pytest.raises(ValueError, match="language is open.*<.af.>"):
        decoder_prompt(config)


@pytest.mark.parametrize("model", READABLE)
def test_the_arguments_are_those_of_generate(model):
    """Without max_new_tokens in the file, the length is the caller's."""
    found = generate_arguments(FILES[model]["config"])
    length = {} if "max_new_tokens" in found else {"max_new_tokens": 9}
    inspect.signature(generate).bind("key", "model", "params", "prompts", "s", **found, **length)
    assert "max_length" not in found


def test_a_long_max_length_sets_no_room():
    assert generate_arguments(FILES["orpheus-3b"]["config"]) == {"eos": 128009, "pad": 128004}
