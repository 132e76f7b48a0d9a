"""Requests for the form of an output, in the words of each system."""

import pytest

from jaxsample.interop import (
    from_llama_options,
    from_ollama_options,
    from_sampling_params,
    from_sglang_params,
)
from tests.interop.settings.words import first_tokens

VOCABULARY = [b"{", b'"', b"1", b"}", b":", None]
EOS = 5
READ = {
    "vllm": from_sampling_params,
    "llama.cpp": lambda d, eos, **k: from_llama_options(d, eos=eos, **k),
    "ollama": from_ollama_options,
    "sglang": from_sglang_params,
}
WRAPPED = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"const": 1}}}
OBJECT, ONE = [0], [2]


@pytest.mark.parametrize(
    "system, settings, first",
    [
        ("vllm", {"response_format": {"type": "json_object"}}, OBJECT),
        ("vllm", {"structured_outputs": {"json_object": True}}, OBJECT),
        ("vllm", {"extra_body": {"guided_json_object": True}}, OBJECT),
        ("vllm", {"extra_body": {"structured_outputs": {"json": {"const": 1}}}}, ONE),
        ("vllm", {"response_format": WRAPPED}, ONE),
        ("llama.cpp", {"response_format": {"type": "json_object"}}, OBJECT),
        ("llama.cpp", {"response_format": {"type": "json_object", "schema": {"const": 1}}}, ONE),
        ("llama.cpp", {"response_format": WRAPPED}, ONE),
        ("llama.cpp", {"json_schema": {}}, OBJECT),  # an empty schema is an object there
        ("llama.cpp", {"json_schema": {"const": 1}}, ONE),
        ("ollama", {"model": "m", "prompt": "p", "format": "json", "options": {}}, OBJECT),
        ("ollama", {"format": {"const": 1}, "options": {"temperature": 0.1}}, ONE),
        ("sglang", {"text": "t", "sampling_params": {"json_schema": '{"const": 1}'}}, ONE),
        ("sglang", {"json_schema": "$$ANY$$"}, OBJECT),
        ("sglang", {"regex": "1+"}, ONE),
    ],
)
def test_the_form_comes_first(system, settings, first):
    assert first_tokens(READ[system](settings, EOS, vocabulary=VOCABULARY)[0]) == first


@pytest.mark.parametrize(
    "system, settings",
    [
        ("vllm", {"response_format": {"type": "text"}, "guided_json_object": False}),
        ("vllm", {"guided_grammar": ""}),
        ("llama.cpp", {"response_format": {"type": "text"}, "grammar": ""}),
        ("ollama", {"format": "", "model": "m", "messages": [], "stream": False}),
        ("sglang", {"ebnf": "", "json_schema": None}),
    ],
)
def test_no_form_is_asked_for(system, settings):
    assert READ[system](settings, ()) == READ[system]({}, ())


@pytest.mark.parametrize(
    "system, settings, message",
    [
        ("ollama", {"format": "xml"}, "format: it must be \"json\" or a schema, got 'xml'"),
        ("ollama", {"format": "json"}, "format needs vocabulary="),
        ("ollama", {"options": 3}, "options must be an object, got 3"),
        ("sglang", {"ebnf": "root ::= x"}, "ebnf=.*a grammar is not read here"),
        ("sglang", {"structural_tag": "{}"}, "structural_tag=.*from_grammar"),
        ("llama.cpp", {"grammar": "root ::= x"}, "grammar=.*compile it with from_grammar"),
        ("llama.cpp", {"json_schema": {}, "response_format": WRAPPED}, "ask for 2; give one"),
    ],
)
def test_a_form_that_cannot_be_had_is_named(system, settings, message):
    with pytest.raises(ValueError, match=message):
        READ[system](settings, EOS)
