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
from jaxsample.interop import Text, from_sampling_params
from tests.interop.settings.words import first_tokens, tokenizer


def test_every_field_in_order():
    params = dict(top_p=0.9, top_k=40, min_p=0.05, temperature=0.7, presence_penalty=0.1)
    params |= dict(frequency_penalty=0.2, repetition_penalty=1.1, logit_bias={"5": -100, 7: 2})
    params |= dict(min_tokens=3, bad_words=["*x"], allowed_token_ids=[1, 2, 5])
    expected = chain(
        Allow([1, 2, 5]),
        BadWords([[7, 15]]),
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
    params |= {"stop_token_ids": [9]}
    assert repr(from_sampling_params(params, eos=0, tokenizer=tokenizer())) == repr(expected)


def test_absent_and_off_are_the_same():
    off = dict(temperature=1.0, top_p=1, top_k=-1, min_p=0, logit_bias=None, presence_penalty=0)
    ignored = dict(max_tokens=10, n=2, seed=0, stop=["\n"], logprobs=5)
    assert repr(from_sampling_params(off | ignored)) == repr(from_sampling_params({})) == "chain()"
    assert from_sampling_params({"temperature": 0, "top_p": 0.5}) == chain(Temperature(0.0))
    assert from_sampling_params({"temperature": 1e-6}) == chain(Temperature(0.01))
    assert from_sampling_params({"temperature": 0.001}) == chain(Temperature(0.01))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"structured_outputs": {"regex": "a+"}}, "structured_outputs needs vocabulary="),
        ({"bad_words": ["no"]}, "bad_words holds strings; give tokenizer="),
        ({"top_pp": 0.5}, "top_pp"),
        ({"min_tokens": 3}, "a least length needs eos= or stop_token_ids"),
        ({"top_p": 3.0}, "top_p: .*3.0"),
        ({"temperature": -1.0}, "-1.0"),
        ({"use_beam_search": True}, "beam"),
    ],
)
def test_a_field_that_no_chain_expresses_is_named(params, message):
    with pytest.raises(ValueError, match=message):
        from_sampling_params(params)


NEUTRAL = dict(
    response_format={"type": "text"}, best_of=1, length_penalty=1.0, tools=None, tool_choice="auto",
    store=False, stream=True, user="me", seed=3, early_stopping=False, use_beam_search=False,
    logit_bias={}, bad_words=[], structured_outputs=None, guided_json=None, repetition_penalty=1.0,
    reasoning_effort="low", extra_args={}, min_tokens=0, top_k=0, service_tier="auto", metadata={},
)  # fmt: skip


# The fields of SamplingParams with their defaults, from vllm/sampling_params.py.
VLLM = dict(
    n=1, presence_penalty=0.0, frequency_penalty=0.0, repetition_penalty=1.0, temperature=1.0,
    top_p=1.0, top_k=0, min_p=0.0, seed=None, stop=None, stop_token_ids=None, ignore_eos=False,
    max_tokens=16, min_tokens=0, logprobs=None, prompt_logprobs=None, prompt_logprob_start=0,
    prompt_logprob_token_ids=[], logprob_token_ids=[], flat_logprobs=False, detokenize=True,
    skip_special_tokens=True, spaces_between_special_tokens=True, output_kind=0,
    include_stop_str_in_output=False, stream_interval=1, skip_clone=False,
    structured_outputs=None, logit_bias=None, allowed_token_ids=None, extra_args=None,
    bad_words=None, skip_reading_prefix_cache=False, thinking_token_budget=-1,
    repetition_detection=None, routed_experts_prompt_start=0, trace_decode_token_ids=None,
)  # fmt: skip


@pytest.mark.parametrize("params", [NEUTRAL, VLLM], ids=["requests", "vllm"])
def test_neutral_values_pass(params):
    assert from_sampling_params(params) == chain()


VOCABULARY = [None, b"a", b"b", b"ab", b"{", b"}", b'"', b"1"]


@pytest.mark.parametrize(
    "params, first",
    [
        ({"guided_regex": "ab*"}, [1, 3]),
        ({"structured_outputs": {"regex": "ab*", "backend": "auto"}}, [1, 3]),
        ({"structured_outputs": {"choice": ["ab", "b"]}}, [1, 2, 3]),
        ({"guided_choice": ["a", "1"]}, [1, 7]),
        ({"guided_json": '{"const": 1}'}, [7]),
        ({"guided_decoding": {"json": {"const": "a"}}}, [6]),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "one", "schema": {"enum": [1, {}]}, "strict": True},
                }
            },
            [4, 7],
        ),
    ],
)
def test_a_form_is_an_automaton_in_front(params, first):
    sampler = from_sampling_params(params | {"temperature": 0.5}, 0, vocabulary=VOCABULARY)
    assert sampler[1:] == chain(Temperature(0.5))
    assert first_tokens(sampler[0]) == first


@pytest.mark.parametrize(
    "params, message",
    [
        ({"guided_regex": "a"}, "guided_regex needs eos"),
        (
            {"guided_grammar": "root ::= x"},
            "guided_grammar=.*a grammar is not read",
        ),
        ({"response_format": {"type": "grammar"}}, "response_format: type 'grammar' is not"),
        ({"response_format": {"type": "json_schema"}}, "no json_schema.schema"),
        ({"guided_regex": "a", "guided_json": {"const": 1}}, "guided_json, guided_regex ask for 2"),
        ({"guided_choice": "ab"}, "choice must be a list of texts"),
        ({"structured_outputs": {"grammar": "root ::= x"}}, "structured_outputs: grammar is not"),
        ({"structured_outputs": {"structural_tag": "{}"}}, "structural_tag is not supported"),
        ({"structured_outputs": {"json": {}, "regex": "a"}}, "one of json, .* got 'json', 'regex'"),
        ({"guided_json_object": "yes"}, "guided_json_object: it must be true or false"),
        ({"extra_body": 5}, "extra_body must be an object, got 5"),
        ({"bad_words_token_ids": [[3]]}, "vLLM has no setting 'bad_words_token_ids'"),
        ({"guided_json": {"type": "oops"}}, "oops"),
        ({"best_of": 3}, "best_of=3"),
        ({"tools": [{"type": "function"}]}, "tools=.*Text.chat"),
        ({"tool_choice": "required"}, "tool_choice='required'"),
        ({"length_penalty": 2.0}, "length_penalty=2.0.*beam"),
        ({"temperature": True}, "temperature: it must be a number, got True"),
        ({"frequency_penalty": 2.5}, "frequency_penalty: it must be from -2 to 2, got 2.5"),
        ({"presence_penalty": -3}, "presence_penalty: it must be from -2 to 2, got -3"),
        ({"temperature": 2.5}, "temperature: it must be from 0 to 2, got 2.5"),
        ({"top_p": 0}, "top_p: it must be above 0, got 0"),
        ({"logit_bias": {"3": -101}}, r"clamps a bias to \[-100, 100\], got -101"),
        ({"response_format": {}}, "response_format: type None is not supported"),
        ({"structured_outputs": {}}, "structured_outputs: it must hold one of json, .*got none"),
        ({"response_format": ""}, "response_format: type '' is not supported"),
        ({"bad_words": ""}, "bad_words must be a list of texts, got ''"),
        (
            {"structured_outputs": {"regex": "a", "disable_any_whitespace": True}},
            "structured_outputs: disable_any_whitespace=True.*give whitespace_pattern",
        ),
        ({"logit_bias": {"3": True}}, "bias of '3' must be a number"),
        ({"logit_bias": {"ab a": 1.0}}, "logit_bias holds the text .ab a.; give tokenizer="),
    ],
)
def test_a_request_that_cannot_be_had_is_named(params, message):
    eos = () if "needs eos" in message else 0
    with pytest.raises(ValueError, match=f"sampling parameters: .*{message}"):
        from_sampling_params(params, eos, vocabulary=VOCABULARY)


def test_words_and_biases_by_text():
    """A word stands for itself and for itself after a space, as in vLLM."""
    words = {"bad_words": ["c", "a", " ab"], "logit_bias": {"ab": 2}}
    sampler = from_sampling_params(words, tokenizer=tokenizer())
    assert sampler == chain(BadWords([[12], [1], [8], [9]]), SequenceBias([[9]], [2.0]))
    with pytest.raises(ValueError, match="'ab c' is 3 tokens; bias their ids .9, 3, 12"):
        from_sampling_params({"logit_bias": {"ab c": 1}}, tokenizer=Text(tokenizer()))
