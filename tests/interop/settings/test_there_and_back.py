"""A chain written as settings and read again is the same chain, or an error names a member."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    XTC,
    BadWords,
    EntropyTemperature,
    Epsilon,
    ExponentialLengthDecay,
    FrequencyPenalty,
    Function,
    MinNewTokens,
    MinP,
    Mirostat,
    NoRepeatNgram,
    PLess,
    PresencePenalty,
    RepetitionPenalty,
    SequenceBias,
    Temperature,
    TopH,
    TopK,
    TopP,
    Typical,
    chain,
)
from jaxsample.interop import (
    from_llama_options,
    from_mlx_arguments,
    to_generation_config,
    to_llama_options,
    to_mlx_arguments,
    to_sampling_params,
    to_sglang_params,
    to_webui_preset,
)
from tests.interop.settings.systems import LLAMA, SYSTEMS
from tests.interop.settings.words import tokenizer


@pytest.mark.parametrize("system", SYSTEMS)
def test_random_chains(system):
    members, write, read = SYSTEMS[system]
    rng = np.random.default_rng(3)
    for _ in range(60):
        some = [m for m in members if rng.random() < 0.5]
        sampler = chain(*(make(float(rng.uniform(0.01, 0.99))) for make in some))
        assert read(write(sampler)) == sampler


def test_random_orders_of_llama_cpp():
    """Behind the bias and the penalties every order can be said, with adaptive-p at the end."""
    rng = np.random.default_rng(4)
    for _ in range(40):
        some = [make for make in LLAMA[4:-1] if rng.random() < 0.6]
        rng.shuffle(some)
        ends = LLAMA[-1:] if rng.random() < 0.5 else ()
        makes = [*LLAMA[:2], *some, *ends]
        sampler = chain(*(make(float(rng.uniform(0.01, 0.99))) for make in makes))
        assert from_llama_options(json.loads(json.dumps(to_llama_options(sampler)))) == sampler


def test_random_orders_of_text_generation_webui():
    """Its penalties stand in any order too, but before a temperature; XTC draws for itself."""
    members, write, read = SYSTEMS["webui"]
    rng = np.random.default_rng(5)
    for _ in range(40):
        some = [make for make in members[1:-2] if rng.random() < 0.6]
        rng.shuffle(some)
        makes = [members[0], *some, *members[-1:]]
        sampler = chain(*(make(float(rng.uniform(0.01, 0.99))) for make in makes))
        assert read(write(sampler)) == sampler


def test_greedy_decoding_has_no_filters():
    greedy = chain(PresencePenalty(0.5, window=20), Temperature(0.0))
    assert from_mlx_arguments(to_mlx_arguments(greedy)) == greedy
    assert to_sglang_params(Temperature(0.0)) == {"temperature": 0.0}
    with pytest.raises(ValueError, match="mlx-lm cannot say TopK.*another transform"):
        to_mlx_arguments(chain(TopK(5), Temperature(0.0)))
    with pytest.raises(ValueError, match="SGLang cannot say MinP.*another transform"):
        to_sglang_params(chain(Temperature(0.0), MinP(0.5)))
    penalised = chain(NoRepeatNgram(2), Temperature(0.0))
    assert to_webui_preset(penalised) == {"no_repeat_ngram_size": 2, "do_sample": False}
    with pytest.raises(ValueError, match="webui cannot say"):
        to_webui_preset(chain(Mirostat(5.0, 0.1), TopK(5)))


def test_the_empty_chain_turns_every_default_off():
    for _, write, read in SYSTEMS.values():
        assert read(write(chain())) == chain()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "member",
    [
        EntropyTemperature(1.0, 0.5),
        PLess(),
        Function(np.sort),
        Mirostat(3.0, jnp.ones(2)),  # a value for each row
        RepetitionPenalty(1.2, scope="output"),
        NoRepeatNgram(2, window=5),
        XTC(0.1, 0.5, keep=[1]),
    ],
    ids=lambda member: type(member).__name__,
)
def test_a_member_that_the_system_lacks_is_named(system, member):
    with pytest.raises(ValueError, match=f"cannot say {type(member).__name__}"):
        SYSTEMS[system][1](chain(TopK(5), member))


@pytest.mark.parametrize(
    "sampler, message",
    [
        (chain(TopP(0.5), TopK(4)), "TopK.k=4.*runs it before TopP"),
        (chain(Temperature(1.0), RepetitionPenalty(1.5)), "cannot run after a temperature"),
        (chain(Temperature(0.5), Temperature(0.7)), "Temperature.value=0.7.*only one"),
        (chain(Temperature(0.0), TopK(4)), "Temperature.value=0.0.*greedy and stands at the end"),
        (chain(Epsilon(1.0)), "Epsilon.*a cutoff of 1 is off there"),
        (chain(BadWords([[2]]), MinNewTokens(2, [2])), "cannot say BadWords.*another transform"),
        (chain(MinNewTokens(2, 5), ExponentialLengthDecay(1, 2.0, 6)), "eos_token_id would have"),
    ],
)
def test_an_order_that_transformers_lacks_is_an_error(sampler, message):
    with pytest.raises(ValueError, match=message):
        to_generation_config(sampler)


@pytest.mark.parametrize(
    "member, message",
    [
        (FrequencyPenalty(2.5, scope="output"), "frequency_penalty: it must be from -2 to 2"),
        (PresencePenalty(-2.5, scope="output"), "presence_penalty: it must be from -2 to 2"),
        (Temperature(2.5), "temperature: it must be from 0 to 2"),
        (Temperature(0.001), "another transform"),
        (TopP(0.0), "top_p: it must be above 0"),
        (SequenceBias([[3]], [101.0]), "logit_bias: vLLM clamps"),
    ],
)
def test_values_that_vllm_refuses_are_not_written(member, message):
    with pytest.raises(ValueError, match=f"vLLM cannot say {type(member).__name__}.*{message}"):
        to_sampling_params(member)


@pytest.mark.parametrize("member", [TopH(0.0), Typical(0.0)])
def test_zeros_that_transformers_refuses_are_not_written(member):
    with pytest.raises(ValueError, match=f"cannot say {type(member).__name__}.*must be above 0"):
        to_generation_config(member)


def test_the_threshold_of_mlx_is_half_at_most():
    assert from_mlx_arguments(to_mlx_arguments(chain(XTC(0.5, 0.5)))) == chain(XTC(0.5, 0.5))
    with pytest.raises(ValueError, match="cannot say XTC.*xtc_threshold: .*from 0 to 0.5, got 0.7"):
        to_mlx_arguments(XTC(0.7, 0.5))


def test_vllm_takes_bad_words_as_texts():
    with pytest.raises(ValueError, match="bad_words holds strings; give tokenizer="):
        to_sampling_params(BadWords([[7]]))
    with pytest.raises(ValueError, match="are the tokens .*9.*, not .*1, 2"):
        to_sampling_params(BadWords([[1, 2]]), tokenizer=tokenizer())  # "ab" is one token
    assert to_sampling_params(BadWords([[7]]), tokenizer=tokenizer()) == {"bad_words": ["*"]}


def test_an_infinite_bias_is_no_json():
    with pytest.raises(ValueError, match="no bias of inf; put Allow"):
        to_llama_options(SequenceBias([[3]], [float("inf")]))
