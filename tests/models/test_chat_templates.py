"""The chat template and the special tokens of a folder."""

import json

import pytest

from jaxsample_models import CheckpointError
from jaxsample_models._tokenizer_files import read_texts


def write(folder, **fields):
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))


def test_a_folder_without_texts(tmp_path):
    assert read_texts(tmp_path) == (None, None, {})


def test_the_template_of_the_tokenizer_config(tmp_path):
    write(tmp_path, chat_template="{{ messages }}")
    assert read_texts(tmp_path).chat_template == "{{ messages }}"


@pytest.mark.parametrize(("names", "expected"), [(["tool_use", "default"], "2"), (["rag"], None)])
def test_the_default_of_several_templates(tmp_path, names, expected):
    templates = [{"name": name, "template": str(i)} for i, name in enumerate(names, 1)]
    write(tmp_path, chat_template=templates)
    assert read_texts(tmp_path).chat_template == expected


def test_a_template_of_its_own_file_comes_first(tmp_path):
    write(tmp_path, chat_template="old")
    (tmp_path / "chat_template.jinja").write_text("neu für alle\n", encoding="utf-8")
    assert read_texts(tmp_path).chat_template == "neu für alle\n"


def test_special_tokens(tmp_path):
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": "old", "unk_token": "?"}')
    write(
        tmp_path, bos_token={"content": "<s>"}, eos_token="</s>", pad_token=None, add_bos_token=True
    )
    assert read_texts(tmp_path).special_tokens == {
        "unk_token": "?",
        "bos_token": "<s>",
        "eos_token": "</s>",
    }


def test_a_template_of_another_kind(tmp_path):
    write(tmp_path, chat_template={"default": "x"})
    with pytest.raises(CheckpointError, match="`chat_template` is {'default': 'x'}; it must be"):
        read_texts(tmp_path)
