"""Slips of a user: each ends in one line on stderr that names the file, and exit status 2.

To add a row, write a function that makes the faulty file in a folder and returns the arguments of
the command, and the words that the line must hold.
"""

import errno
import os
import stat
import subprocess
import sys

import pytest

from tests.cli.test_main import ROOT
from tests.cli.test_nonsense import refused

SETTING = '[[settings]]\nname = "plain"\nchain = [{ transform = "Temperature", value = 1.0 }]\n'


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sweep(folder, settings=SETTING, name="settings.toml", data='{"prompt": "the cat"}\n', **files):
    """Arguments of a sweep whose settings, prompts and earlier output hold some content."""
    for path, content in files.items():
        write(folder / "out" / path, content)
    settings = write(folder / name, settings)
    prompts = write(folder / "prompts.jsonl", data)
    return ["sweep", settings, "--data", prompts, "--out", folder / "out"]


def out_is_a_file(folder):
    arguments = sweep(folder)
    write(folder / "out", "")
    return arguments, ["--out", folder / "out", "is not a folder"]


def out_is_below_a_file(folder):
    arguments = sweep(folder)
    return [*arguments[:-1], folder / "prompts.jsonl" / "out"], ["--out", "prompts.jsonl is not"]


def no_settings_file(folder):
    arguments = sweep(folder)
    (folder / "settings.toml").unlink()
    return arguments, ["settings.toml"]


def settings_of_another_kind(folder):
    return sweep(folder, name="settings.yaml"), ["settings.yaml", ".toml"]


def settings_that_are_not_toml(folder):
    return sweep(folder, "[[settings"), ["settings.toml"]


def no_prompts_file(folder):
    arguments = sweep(folder)
    (folder / "prompts.jsonl").unlink()
    return arguments, ["prompts.jsonl", "no such file"]


def prompts_that_are_not_json(folder):
    return sweep(folder, data="{"), ["prompts.jsonl", "line 1", "--skip-bad"]


def no_prompt_file(folder):
    path = folder / "prompt.txt"
    return ["generate", "--prompt-file", path], [path, "No such file", "check the path"]


def a_prompt_file_that_is_a_folder(folder):
    return ["explain", "--prompt-file", folder], [folder, "Is a directory", "give a file"]


def a_prompt_that_is_not_utf_8(folder):
    path = write(folder / "prompt.txt", "é".encode("utf-16"))
    return ["generate", "--prompt-file", path], [path, "not UTF-8 at byte 1", "convert"]


def no_policy(folder):
    return ["generate", "the cat", "--policy", folder], ["--policy", folder, "sampler.json"]


SLIPS = [
    out_is_a_file,
    out_is_below_a_file,
    no_settings_file,
    settings_of_another_kind,
    settings_that_are_not_toml,
    no_prompts_file,
    prompts_that_are_not_json,
    no_prompt_file,
    a_prompt_file_that_is_a_folder,
    a_prompt_that_is_not_utf_8,
    no_policy,
]


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.__name__)
def test_a_slip_is_one_line_that_names_the_file(cli, tiny, tmp_path, slip):
    arguments, words = slip(tmp_path)
    refused(cli(*arguments, "--model", tiny), *map(str, words))


def test_rows_on_a_full_disk(cli, tiny, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    run = cli(*sweep(tmp_path), "--model", tiny)
    assert run.status == 2 and "Traceback" not in run.err
    line = f"jaxsample: {tmp_path / 'out'}: No space left on device; free some space"
    assert run.err.splitlines()[-1].startswith(line)


def test_a_picture_on_a_full_disk(cli, tiny, tmp_path):
    path = tmp_path / "full.png"
    path.symlink_to("/dev/full")
    run = cli("explain", "the cat", "--model", tiny, "--png", path)
    assert run.status == 2
    assert run.err.splitlines()[-1].startswith(f"jaxsample: {path}: No space left on device; free")


def test_a_folder_that_may_not_be_written_is_refused(cli, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    run = cli(*sweep(tmp_path)[:-1], closed / "out")
    refused(run, "--out", str(closed), "check the permissions")


def started(arguments, stdout, unbuffered="1"):
    """Run the command in a process of its own, as a shell does."""
    command = [sys.executable, "-m", "jaxsample", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"}
    environment["PYTHONUNBUFFERED"] = unbuffered
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
        env=environment, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_standard_output_on_a_full_disk(arguments, unbuffered):
    with open("/dev/full", "w") as full:
        run = started(arguments, full, unbuffered)
    line = "jaxsample: standard output: No space left on device; free some space, or choose another"
    assert run.returncode == 2 and run.stderr.startswith(line)
    assert run.stderr.count("\n") == 1


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_a_reader_that_went_away_is_no_error(arguments, unbuffered):
    writer = closed_pipe()
    run = started(arguments, writer, unbuffered)
    os.close(writer)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["generate"], ["generate", "-n", "2"], ["explain", "cat"]])
def test_texts_on_a_full_disk_or_for_a_reader_that_went_away(tiny, arguments):
    arguments = [*arguments, "--model", tiny, "--temperature", "0.9"]
    with open("/dev/full", "w") as full:
        run = started(arguments, full)
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith("jaxsample: standard output: No space left")
    writer = closed_pipe()
    run = started(arguments, writer)
    os.close(writer)
    assert run.returncode == 0 and "jaxsample: " not in run.stderr and "Trace" not in run.stderr


def test_an_error_that_is_not_the_user_s_keeps_its_traceback(cli, tiny, monkeypatch):
    import numpy as np

    def broken(*_):
        np.reshape(np.zeros(3), (2, 2))

    monkeypatch.setattr("jaxsample.cli.generate.decode", broken)
    with pytest.raises(ValueError, match="reshape"):
        cli("generate", "the cat", "--model", tiny)


def test_control_characters_of_a_name_do_not_reach_the_terminal(cli):
    run = cli("generate", "--model", "no\x1b[2Jwhere")
    refused(run, "no\\x1b[2Jwhere")
