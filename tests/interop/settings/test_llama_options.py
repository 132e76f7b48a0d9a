"""Options of llama.cpp, in the order of the server's samplers."""

import pytest

from jaxsample import (
    DRY,
    XTC,
    AdaptiveP,
    DynamicTemperature,
    FrequencyPenalty,
    MinP,
    Mirostat,
    PresencePenalty,
    RepetitionPenalty,
    SequenceBias,
    Temperature,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    chain,
)
from jaxsample.interop import (
    from_llama_options,
    to_llama_options,
    vocabulary_of,
)
from tests.interop.settings.words import EOS, tokenizer

DEFAULT = chain(TopK(40), TopP(0.95), MinP(0.05), Temperature(0.8))
BREAKERS = [[4], [10], [5], [11], [6], [7]]  # tokens with a line break, a colon, a quote, a star


def test_absent_options_have_the_servers_defaults():
    assert from_llama_options({}) == from_llama_options({"top_k": None}) == DEFAULT
    assert to_llama_options(DEFAULT) == {}


def test_every_option_in_order():
    options = dict(
        logit_bias={"2": -1.5, "5": False},
        repeat_penalty=1.1,
        frequency_penalty=0.2,
        presence_penalty=0.3,
        repeat_last_n=32,
        dry_multiplier=0.8,
        dry_penalty_last_n=-1,
        top_n_sigma=2,
        top_k=20,
        typical_p=0.9,
        top_p=0.8,
        min_p=0.1,
        xtc_probability=0.5,
        temperature=0.75,
        dynatemp_range=0.25,
        dynatemp_exponent=1.5,
        n_predict=7,
        seed=3,
    )
    expected = chain(
        SequenceBias([[2], [5]], [-1.5, float("-inf")]),
        RepetitionPenalty(1.1, window=32),
        FrequencyPenalty(0.2, window=32),
        PresencePenalty(0.3, window=32),
        DRY(0.8, breakers=BREAKERS),
        TopNSigma(2),
        TopK(20),
        Typical(0.9),
        TopP(0.8),
        MinP(0.1),
        XTC(0.1, 0.5),
        DynamicTemperature(0.5, 1.0, 1.5),
    )
    assert from_llama_options(options, tokenizer=tokenizer()) == expected
    written = to_llama_options(expected, tokenizer=tokenizer())
    assert from_llama_options(written, tokenizer=tokenizer()) == expected
    assert written["logit_bias"] == [[2, -1.5], [5, False]]


def test_samplers_are_an_order():
    order = {"samplers": ["temperature", "min_p", "top_k", "adaptive_p"], "adaptive_target": 0.4}
    expected = chain(Temperature(0.8), MinP(0.05), TopK(40), AdaptiveP(0.4))
    assert from_llama_options(order) == expected
    assert from_llama_options(order | {"samplers": "tmka"}) == expected
    assert from_llama_options(to_llama_options(expected)) == expected
    assert from_llama_options({"samplers": ["temperature", "top_k"], "temperature": -1}) == chain(
        Temperature(0.0), TopK(40)
    )


@pytest.mark.parametrize(
    "options, same",
    [
        ({"dynatemp_range": -0.5}, {}),
        (
            {"samplers": "a", "adaptive_target": 0.4, "adaptive_decay": 0.999},
            {"samplers": "a", "adaptive_target": 0.4, "adaptive_decay": 0.99},
        ),
        ({"logit_bias": [["x", 1.0]]}, {"logit_bias": {"x": 1.0}}),
        ({"logit_bias": {"9": 1.0}}, {"logit_bias": [[9, 1.0]]}),
    ],
)
def test_values_that_mean_the_same(options, same):
    read = [from_llama_options(each, tokenizer=tokenizer()) for each in (options, same)]
    assert read[0] == read[1]


def test_mirostat_replaces_all_but_temperature_and_bias():
    options = {"mirostat": 2, "mirostat_tau": 4, "repeat_penalty": 1.2, "logit_bias": [[3, 1.0]]}
    expected = chain(SequenceBias([[3]], [1.0]), Temperature(0.8), Mirostat(4, 0.1))
    assert from_llama_options(options) == expected
    assert from_llama_options(to_llama_options(expected)) == expected
    assert from_llama_options({"mirostat": 1, "temperature": 1, "dynatemp_range": 0.5}) == chain(
        Mirostat(5, 0.1, 1)
    )


def test_windows():
    assert from_llama_options({"repeat_penalty": 1.1, "repeat_last_n": 0}) == DEFAULT
    assert from_llama_options({"repeat_penalty": 1.1, "repeat_last_n": -1})[0] == RepetitionPenalty(
        1.1
    )


def test_texts_of_a_bias_and_the_end():
    options = {"logit_bias": [["ab a", 2.0], [9, 1]], "ignore_eos": True}
    sampler = from_llama_options(options, tokenizer=tokenizer(), eos=EOS)
    assert sampler[0] == SequenceBias([[9], [8], [0]], [3.0, 2.0, float("-inf")])


def test_a_json_schema_is_an_automaton():
    sampler = from_llama_options(
        {"json_schema": {"enum": [{}]}}, vocabulary=vocabulary_of(tokenizer()), eos=EOS
    )
    assert type(sampler[0]).__name__ == "TokenAutomaton" and sampler[1:] == DEFAULT


@pytest.mark.parametrize(
    "options, message",
    [
        ({"grammar": "root ::= x"}, "grammar=.*from_grammar"),
        ({"samplers": ["top_k", "infill"]}, "samplers: there is no 'infill'"),
        ({"samplers": ["top_k", "top_k"]}, "every sampler can run once"),
        ({"mirostat": 3}, "mirostat must be one of 0, 1, 2, got 3"),
        ({"mirostat": True}, "mirostat must be one of"),
        ({"min_keep": 4}, "min_keep=4"),
        ({"repeat_penalti": 1.1}, "llama.cpp has no setting 'repeat_penalti'"),
        ({"dry_multiplier": 0.8}, "dry_sequence_breakers holds strings; give tokenizer="),
        ({"dry_multiplier": 0.8, "dry_sequence_breakers": []}, "must be a list of strings, got"),
        ({"logit_bias": [[3, True]]}, "bias of 3 must be a number or false"),
        ({"logit_bias": [["9", 1.0]]}, "logit_bias holds the text .9.; give"),  # a text in a pair
        ({"logit_bias": {"\u0663": 1.0}}, "logit_bias holds the text"),  # a digit of Arabic
        ({"json_schema": {}, "grammar": ""}, "grammar replaces json_schema"),
        ({"ignore_eos": True}, "ignore_eos needs eos"),
        ({"json_schema": {}}, "json_schema needs vocabulary"),
        ({"top_p": "high"}, "top_p: it must be a number, got 'high'"),
        ({"dynatemp_range": "wide"}, "dynatemp_range: it must be a number, got 'wide'"),
        ({"repeat_penalty": 0.0}, "repeat_penalty: RepetitionPenalty.*0.0"),
        (
            {"samplers": ["temperature", "penalties"], "repeat_penalty": 1.1},
            "RepetitionPenalty.penalty=1.1.*cannot run after a temperature",
        ),
        ({"repeat_last_n": -5, "repeat_penalty": 1.1}, "window.*-5"),
    ],
)
def test_what_no_chain_expresses_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        from_llama_options(options)


@pytest.mark.parametrize(
    "sampler, message",
    [
        (
            chain(TopK(5), RepetitionPenalty(1.1, scope="output")),
            "cannot say RepetitionPenalty.*no such sampler",
        ),
        (chain(RepetitionPenalty(1.1, window=8), FrequencyPenalty(1, window=9)), "repeat_last_n"),
        (chain(TopP(0.5), TopP(0.4)), "TopP.p=0.4.*only one"),
        (chain(FrequencyPenalty(1, window=8), RepetitionPenalty(1.1, window=8)), "before Freq"),
        (chain(AdaptiveP(0.4, 0.995)), "AdaptiveP.*another transform"),
        (chain(TopNSigma(0.0)), "TopNSigma.*off there"),
        (chain(DynamicTemperature(0.5, 0.5)), "an equal pair is a Temperature"),
        (chain(AdaptiveP(0.4), TopK(5)), "TopK|AdaptiveP"),
        (chain(XTC(0.1, 0.5, keep=[1])), "cannot say XTC.*no such sampler"),
        (chain(TopP([0.1, 0.2])), "TopP"),
    ],
)
def test_a_member_that_cannot_be_said_is_named(sampler, message):
    with pytest.raises(ValueError, match=message):
        to_llama_options(sampler)


def test_breakers_that_are_no_strings_are_refused():
    with pytest.raises(ValueError, match="breakers of DRY are not the tokens of"):
        to_llama_options(chain(DRY(1.0, breakers=[[4]])), tokenizer=tokenizer())
    only = to_llama_options(
        chain(DRY(1.0, breakers=[[7]], window=64)), tokenizer=tokenizer(), breakers=["*"]
    )
    assert only["dry_sequence_breakers"] == ["*"]


def test_members_that_change_nothing_need_no_option():
    assert to_llama_options(chain(TopNSigma(TopNSigma.off), *DEFAULT, XTC(0.1, 0.0))) == {}
