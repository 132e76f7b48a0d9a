"""Options of Ollama, and the parameters of its Modelfiles."""

import pytest

from jaxsample import MinP, RepetitionPenalty, Temperature, TopK, TopP, chain
from jaxsample.interop import from_ollama_options

MODELFILE = '''FROM llama3.2  # the base
# PARAMETER top_k 3
parameter temperature 0.5
PARAMETER repeat_last_n -1
PARAMETER repeat_penalty 1.1
PARAMETER stop "<|end|>"
PARAMETER stop User:
PARAMETER num_ctx 4096
SYSTEM """You are Mario.
PARAMETER top_k 1
"""
TEMPLATE "{{ .System }}
PARAMETER top_k 2"
SYSTEM hello "quoted" world
MESSAGE user "hi
PARAMETER top_k 3"
LICENSE """one line"""
PARAMETER min_p 0.1
'''


def test_ollama_has_defaults_of_its_own(tmp_path):
    assert from_ollama_options({}) == chain(TopK(40), TopP(0.9), Temperature(0.8))
    assert from_ollama_options({"typical_p": 0, "mirostat": 0}) == from_ollama_options({})
    (tmp_path / "Modelfile").write_text(MODELFILE)
    expected = chain(RepetitionPenalty(1.1), TopK(40), TopP(0.9), MinP(0.1), Temperature(0.5))
    assert from_ollama_options(tmp_path) == from_ollama_options(tmp_path / "Modelfile") == expected


def test_a_modelfile_may_begin_with_a_mark_of_its_encoding(tmp_path):
    text = "PARAMETER top_k 20\r\nFROM qwen3\r\nRENDERER qwen3\r\nPARAMETER temperature 1e-1\r\n"
    (tmp_path / "Modelfile").write_bytes(text.encode("utf-8-sig"))
    assert from_ollama_options(tmp_path) == chain(TopK(20), TopP(0.9), Temperature(0.1))


@pytest.mark.parametrize(
    "line, message",
    [
        ("PARAMETER temprature 1", "Modelfile: Ollama has no setting 'temprature'"),
        ("PARAMETER dry_multiplier 1", "Ollama has no setting 'dry_multiplier'"),
        ("PARAMETER top_p warm", "Modelfile: top_p: it must be a number, got 'warm'"),
        ("PARAMETER mirostat 2", "mirostat=2.*no longer has it; put Mirostat"),
        ("PARAMETER tfs_z 0.5", "tfs_z=0.5.*TailFree"),
        ("PARAMETER penalize_newline false", "penalize_newline=False"),
    ],
)
def test_a_modelfile_is_named_in_its_errors(tmp_path, line, message):
    (tmp_path / "Modelfile").write_text(f"FROM x\n{line}\n")
    with pytest.raises(ValueError, match=message):
        from_ollama_options(tmp_path)


def test_unknown_options_of_a_request_pass_with_a_warning():
    with pytest.warns(UserWarning, match="no effect: 'temprature', 'dry_multiplier'$"):
        found = from_ollama_options({"temprature": 1, "dry_multiplier": 0.8})
    assert found == from_ollama_options({})
