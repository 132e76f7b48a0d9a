"""Encoding, decoding and chat templates."""

import datetime

import pytest

from jaxsample.interop import Text

tokenizers = pytest.importorskip("tokenizers")

CHATML = """{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}"""
USER = {"role": "user", "content": "Is 1 < 2 & é?"}


def tokenizer():
    words = {"<unk>": 0, "<s>": 1, "a": 2, "b": 3, "c": 4}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    made.add_special_tokens(["<s>"])
    return made


def chat(template, messages=(USER,), **options):
    return Text(tokenizer(), template, {"bos_token": "<s>"}).chat(messages, **options)


def test_what_a_tokenizer_was_saved_with_does_not_touch_prompts():
    saved = tokenizer()
    saved.enable_truncation(3)
    saved.enable_padding(length=8)
    text = Text(saved)
    assert text.encode("a b c a b c") == [1, 2, 3, 4, 2, 3, 4]
    assert text.encode("a b", special=False) == [2, 3]
    assert saved.truncation["max_length"] == 3, "the tokenizer of the caller is as it was"


def test_half_a_character_is_refused():
    with pytest.raises(ValueError, match=r"the text holds '\\ud83d'"):
        Text(tokenizer()).encode("a \ud83d b")


def test_special_tokens_are_decoded_if_wanted():
    text = Text(tokenizer())
    assert text.decode([1, 2, 4]) == "a c"
    assert text.decode([1, 2, 4], special=True) == "<s> a c"


def test_a_conversation_is_written_as_the_template_says():
    written = "<|im_start|>user\nIs 1 < 2 & é?<|im_end|>\n"
    assert chat(CHATML) == written + "<|im_start|>assistant\n"
    assert chat(CHATML, add_generation_prompt=False) == written
    assert Text(tokenizer(), "{{ bos_token }}{{ messages[0].content }}").encode_chat(
        [{"role": "user", "content": "a b"}]
    ) == [2, 3], "the template writes the bos, the tokenizer does not"


@pytest.mark.parametrize(
    "template, expected",
    [
        ("{{ bos_token }}{{ own }}", "<s>7"),
        ("{{ tools | tojson }}", '[{"name": "é<"}]'),
        ("{{ tools | tojson(indent=1) }}", '[\n {\n  "name": "é<"\n }\n]'),
        ("{{ strftime_now('%Y') }}", str(datetime.date.today().year)),
        ("{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1"),
        ("{% set n = namespace(x=1) %}{% set n.x = 2 %}{{ n.x }}", "2"),
        ("{% generation %}{{ messages[0].role }}{% endgeneration %}!", "user!"),
        ("  {% if true %}\nx\n  {% endif %}\ny", "x\ny"),
        ("{{ messages[0].thing }}{{ dict(a=1).a }}", "<object>1"),
        ("{{ messages[1].reasoning_content }}{{ messages[1].thinking }}", "hmhm"),
        ("{{ 'content' in messages[1] }}{{ documents is none }}", "FalseTrue"),
    ],
)
def test_what_templates_expect_is_there(template, expected):
    messages = [
        USER | {"thing": object()},
        {"role": "assistant", "content": None, "reasoning": "hm"},
    ]
    assert chat(template, messages, tools=[{"name": "é<"}], own=7) == expected


@pytest.mark.parametrize(
    "template, message",
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% if %}", "line 1"),
        ("{{ ''.__class__.__mro__ }}", "unsafe|undefined|refused"),
        ("{{ messages.append(1) }}", "refused"),
        ("{% set n = namespace(__x=1) %}", "may not hold"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without an end"),
        (None, "has no chat template"),
    ],
)
def test_errors_of_templates_are_value_errors(template, message):
    with pytest.raises(ValueError, match=message):
        chat(template)


def test_a_message_must_be_a_dict():
    with pytest.raises(ValueError, match="a message must be a dict"):
        chat(CHATML, ["hello"])
