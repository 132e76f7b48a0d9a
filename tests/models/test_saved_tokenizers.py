"""Settings that were saved beside a tokenizer."""

import json

import pytest

from jaxsample_models._tokenizer_files import read_texts

tokenizers = pytest.importorskip("tokenizers")


def write(folder, **config):
    words = {"<s>": 0, "</s>": 1, "a": 2, "b": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="a"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    made.add_special_tokens(["<s>", "</s>"])
    made.enable_truncation(3)
    made.enable_padding(length=9)
    made.save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<s>", "eos_token": "</s>", **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return read_texts(folder).tokenizer


def test_prompts_are_neither_cut_nor_padded(tmp_path):
    assert write(tmp_path).encode("a b a b a b").ids == [0, 2, 3, 2, 3, 2, 3]


def test_the_post_processor_says_what_a_text_begins_with(tmp_path):
    """Where there is a tokenizer.json, transformers does not read `add_bos_token` either."""
    assert write(tmp_path, add_bos_token=False).encode("a b").ids == [0, 2, 3]


@pytest.mark.peers
@pytest.mark.parametrize("begins", [None, True, False])
@pytest.mark.parametrize("ends", [None, True, False])
def test_ends_are_those_of_transformers(tmp_path, begins, ends):
    transformers = pytest.importorskip("transformers")
    given = {"add_bos_token": begins, "add_eos_token": ends}
    given = {name: value for name, value in given.items() if value is not None}
    ours = write(tmp_path, **given).encode("a b").ids
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(str(tmp_path))
    assert ours == theirs("a b")["input_ids"]
