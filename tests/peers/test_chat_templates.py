"""Chat templates of real models against transformers.

The templates are those of llama.cpp's repository, of many licences, so they are not kept here:
JAXSAMPLE_TEMPLATES=llama.cpp/models/templates pytest -m peers tests/peers/test_chat_templates.py
"""

import os
from pathlib import Path

import pytest

from jaxsample.interop import Text

pytestmark = pytest.mark.peers
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

FOLDER = os.environ.get("JAXSAMPLE_TEMPLATES")
TEMPLATES = sorted(Path(FOLDER).glob("*.jinja")) if FOLDER else []

WEATHER = {
    "name": "get_weather",
    "description": "The weather <here> & now",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "a city"}},
        "required": ["city"],
    },
}
TOOLS = [{"type": "function", "function": WEATHER}]
SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hi <there> & é"}
ANSWER = {"role": "assistant", "content": "Hello!"}
THOUGHT = {"role": "assistant", "content": "Done.", "reasoning_content": "Let me see."}
CALLS = [
    {
        "id": "abcdefghi",
        "type": "function",
        "function": {"name": "get_weather", "arguments": {"city": "Paris"}},
    }
]
CALL = {"role": "assistant", "content": None, "tool_calls": CALLS}
RESULT = {
    "role": "tool",
    "name": "get_weather",
    "tool_call_id": "abcdefghi",
    "content": "21 degrees",
}
OWN = {
    "enable_thinking": False,
    "thinking": True,
    "date_string": "1 Jan 2026",
    "datetime": "1 Jan 2026",
    "functions": "none",
}
CASES = {
    "user": ([USER], {}),
    "system": ([SYSTEM, USER, ANSWER, USER], {}),
    "tools": ([SYSTEM, USER], {"tools": TOOLS}),
    "calls": ([SYSTEM, USER, CALL, RESULT], {"tools": TOOLS}),
    "thoughts": ([USER, THOUGHT, USER], {}),
    "own": ([USER], OWN),
    "ended": ([USER, ANSWER], {"add_generation_prompt": False}),
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


@pytest.fixture(scope="module")
def tokenizer():
    made = tokenizers.Tokenizer(tokenizers.models.BPE({"<s>": 0, "</s>": 1}, []))
    made.add_special_tokens(["<s>", "</s>"])
    return made


@pytest.mark.skipif(not TEMPLATES, reason="JAXSAMPLE_TEMPLATES names no folder of .jinja files")
@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_conversations_equal_those_of_transformers(file, tokenizer):
    """Where the template refuses a conversation, both refuse it."""
    template, written = file.read_text(), 0
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)
    for name, (messages, options) in CASES.items():
        options = {"add_generation_prompt": True, **options}
        try:
            expected = theirs.apply_chat_template(
                messages, chat_template=template, tokenize=False, **options
            )
        except Exception:  # a template may raise anything
            with pytest.raises(ValueError):
                Text(tokenizer, template, SPECIAL).chat(messages, **options)
            continue
        written += 1
        assert Text(tokenizer, template, SPECIAL).chat(messages, **options) == expected, name
    assert written
