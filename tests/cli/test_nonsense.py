"""Wrong arguments: one line on stderr, exit status 2, nothing on stdout."""

import shutil

import pytest

FLAGS = [
    (["--temperature", "-1"], ["--temperature", "-1.0"]),
    (["--temperature", "nan"], ["--temperature", "nan"]),
    (["--temperature", "warm"], ["--temperature", "valid"]),
    (["--top-p", "2"], ["--top-p", "[0, 1]", "2.0"]),
    (["--top-k", "-1"], ["--top-k", "-1"]),
    (["--min-p", "-0.5"], ["--min-p", "-0.5"]),
    (["--edt", "-1", "0.5"], ["--edt", "t0", "-1.0"]),
    (["--edt", "1", "0.5", "--temperature", "1"], ["--edt", "--temperature", "one of them"]),
    (["--preset", "poetry"], ["--preset", "poetry", "creative", "explore"]),
]


def refused(run, *words):
    assert run.status == 2
    assert run.out == ""
    assert run.err.startswith("jaxsample: ") and run.err.count("\n") == 1
    for word in words:
        assert word in run.err


@pytest.mark.parametrize("command", ["generate", "explain"])
@pytest.mark.parametrize("flags, words", FLAGS)
def test_flags(cli, tiny, command, flags, words):
    refused(cli(command, "the cat", "--model", tiny, *flags), *words)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--max-new-tokens", "0"], ["--max-new-tokens", "1"]),
        (["--max-new-tokens", "1000"], ["48 positions", "1000"]),
        (["-n", "0"], ["-n"]),
        (["--seed", "-1"], ["--seed"]),
        (["--seed", str(2**32)], ["--seed"]),
        (["--color", "mood"], ["--color", "probability", "entropy"]),
        (["--warp", "9"], ["--warp"]),
    ],
)
def test_generate_only(cli, tiny, flags, words):
    refused(cli("generate", "the cat", "--model", tiny, *flags), *words)


@pytest.mark.parametrize("command", ["generate", "explain"])
def test_prompts(cli, tiny, command):
    refused(cli(command, "cat " * 60, "--model", tiny), "61 tokens", "48 positions", "tiny")
    refused(cli(command, "cat " * 47, "--model", tiny), "48 tokens", "room for 0")
    refused(cli(command, "quantum chromodynamics", "--model", tiny), "no token", "quantum")


@pytest.mark.parametrize("command", ["generate", "explain"])
def test_folders(cli, tiny, tmp_path, command):
    refused(cli(command, "cat", "--model", tmp_path / "nowhere"), "nowhere", "no such folder")
    refused(cli(command, "cat", "--model", tmp_path), "config.json")
    mute = shutil.copytree(tiny, tmp_path / "mute")
    (mute / "tokenizer.json").unlink()
    refused(cli(command, "cat", "--model", mute), "tokenizer.json")
    (mute / "config.json").write_text("{")
    refused(cli(command, "cat", "--model", mute), "not JSON")


def test_pictures(cli, tiny, tmp_path):
    explain = "explain", "the cat", "--model", tiny, "--png"
    refused(cli(*explain, tmp_path / "nowhere" / "x.png"), "--png", "nowhere")
    refused(cli(*explain, tmp_path / "x.txt"), "--png", ".png")
    folder = tmp_path / "folder.png"
    folder.mkdir()
    refused(cli(*explain, folder), "--png", "is a folder")


def test_an_unknown_command(cli):
    refused(cli("dream"), "dream")


def test_a_model_without_bos_needs_a_prompt(cli, tiny, tmp_path):
    bare = shutil.copytree(tiny, tmp_path / "bare")
    (bare / "generation_config.json").write_text("{}")
    (bare / "config.json").write_text(
        (bare / "config.json").read_text().replace("bos_token_id", "unused")
    )
    refused(cli("generate", "--model", bare), "bare", "give a prompt")
