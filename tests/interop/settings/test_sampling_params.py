"""vLLM's and OpenAI's sampling parameters, in vLLM's order."""

import pytest

from jaxsample import (
    Allow,
    BadWords,
    FrequencyPenalty,
    MinNewTokens,
    MinP,
    PresencePenalty,
    RepetitionPenalty,
    SequenceBias,
    Temperature,
    TopK,
    TopP,
    chain,
)
from jaxsample.interop import from_sampling_params


def test_every_field_in_order():
    params = dict(top_p=0.9, top_k=40, min_p=0.05, temperature=0.7, presence_penalty=0.1)
    params |= dict(frequency_penalty=0.2, repetition_penalty=1.1, logit_bias={"5": -100, 7: 2})
    params |= dict(min_tokens=3, bad_words_token_ids=[[3, 4]], allowed_token_ids=[1, 2, 5])
    expected = chain(
        Allow([1, 2, 5]),
        BadWords([[3, 4]]),
        MinNewTokens(3, [0, 9]),
        SequenceBias([[5], [7]], [-100.0, 2.0]),
        RepetitionPenalty(1.1),
        FrequencyPenalty(0.2, scope="output"),
        PresencePenalty(0.1, scope="output"),
        Temperature(0.7),
        MinP(0.05),
        TopK(40),
        TopP(0.9),
    )
    assert repr(from_sampling_params(params | {"stop_token_ids": [9]}, eos=0)) == repr(expected)


def test_absent_and_off_are_the_same():
    off = dict(temperature=1.0, top_p=1, top_k=-1, min_p=0, logit_bias=None, presence_penalty=0)
    ignored = dict(max_tokens=10, n=2, seed=0, stop=["\n"], logprobs=5)
    assert repr(from_sampling_params(off | ignored)) == repr(from_sampling_params({})) == "chain()"
    assert repr(from_sampling_params({"temperature": 0})) == repr(chain(Temperature(0.0)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"structured_outputs": {"regex": "a+"}}, "structured_outputs needs vocabulary="),
        ({"bad_words": ["no"]}, "bad_words holds strings; give tokenizer="),
        ({"top_pp": 0.5}, "top_pp"),
        ({"min_tokens": 3}, "min_tokens needs eos"),
        ({"top_p": 3.0}, "3.0"),
        ({"temperature": -1.0}, "-1.0"),
        ({"use_beam_search": True}, "beam"),
    ],
)
def test_a_field_that_no_chain_expresses_is_named(params, message):
    with pytest.raises(ValueError, match=message):
        from_sampling_params(params)
