"""User errors ("slips"): each gives one line on stderr that names the file, and exit status 2.

To add a row, write a function that makes the faulty file in a folder and returns the arguments of
the command, and the words that the line must hold.
"""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys

import pytest
from flax import nnx

from jaxsample.learn import Policy, save
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


def settings_with(content, *words, name="settings.toml"):
    """Return a slip: a settings file with some content."""

    def slip(folder):
        return sweep(folder, content, name), [folder / name, *words]

    return slip


def earlier(*words, **files):
    """Return a slip: a sweep into a folder that holds some files already."""

    def slip(folder):
        return sweep(folder, **files), [folder / "out" / next(iter(files)), *words]

    return slip


def a_table_in_utf_16(folder):
    arguments = sweep(folder)
    table = write(folder / "prompts.csv", "prompt\nthe cat\n".encode("utf-16"))
    arguments[arguments.index(folder / "prompts.jsonl")] = table
    return arguments, [table, "UTF-8"]


def policy_with(description, *words, weights=None):
    """Return a slip: a policy whose sampler.json or weights are damaged."""

    def slip(folder):
        save(Policy(width=4, rngs=nnx.Rngs(0)), folder / "policy")
        path = folder / "policy" / "sampler.json"
        if description is not None:
            found = json.loads(path.read_text())
            described = description(found)
            path.write_text(described if isinstance(described, str) else json.dumps(described))
        if weights is not None:
            path = folder / "policy" / "sampler.safetensors"
            path.write_bytes(weights(path.read_bytes()))
        return ["generate", "the cat", "--policy", folder / "policy"], ["--policy", path, *words]

    return slip


def larger_policy(**size):
    """Return a slip: a policy whose sampler.json claims more weights than there are."""
    slip = policy_with(member(lambda one: one["policy"].update(size)))

    def slip_of_size(folder):
        return slip(folder)[0], ["--policy", folder / "policy" / "sampler.safetensors", "shape"]

    return slip_of_size


def member(change):
    """Return a change of the member in sampler.json."""

    def changed(found):
        change(found["members"][0])
        return found

    return changed


DEEP = "[" * 100_000
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
    settings_with("settings = 5", "settings"),
    settings_with("[[settings]]\nname = 5\nchain = []", "name"),
    settings_with('[[settings]]\nname = "a"\nchain = 5', "chain"),
    settings_with('[[settings]]\nname = "a"\ngrid = 5\nchain = []', "grid"),
    settings_with('[[settings]]\nname = "a"\npolicy = 5', "policy"),
    settings_with('[[settings]]\nname = "{q}"\nchain = []', "{q}"),
    settings_with(SETTING.replace("plain", "é").encode("latin-1"), "UTF-8"),
    settings_with("settings = 5", name="settings.py"),
    settings_with("settings = [lambda x: x]", name="settings.py"),
    settings_with("settings = {'a': 3}", name="settings.py"),
    a_table_in_utf_16,
    earlier(**{"sweep.json": ""}),
    earlier(**{"sweep.json": "[]"}),
    earlier(**{"sweep.json": DEEP}),
    policy_with(lambda found: {}),
    policy_with(lambda found: DEEP),
    policy_with(lambda found: found | {"members": 5}),
    policy_with(member(lambda one: one.pop("soft"))),
    policy_with(member(lambda one: one.update(unknown=1)), "unknown"),
    larger_policy(depth=10**9),
    larger_policy(width=10**12),
    policy_with(None, weights=lambda content: content[:-7]),
    policy_with(None, weights=lambda content: b""),
]
NAMES = [f"{number}-{slip.__name__}" for number, slip in enumerate(SLIPS)]


def model_with(name, change):
    """Return a slip: a model with a damaged file."""

    def slip(folder):
        path = folder / name
        content = path.read_bytes() if path.exists() else b"{}"
        found = change(json.loads(content) if path.suffix == ".json" else content)
        path.write_bytes(found if isinstance(found, bytes) else json.dumps(found).encode())
        return path

    return slip


MODELS = [
    model_with("config.json", lambda found: DEEP.encode()),
    model_with("config.json", lambda found: found | {"rope_scaling": 5}),
    model_with("config.json", lambda found: found | {"architectures": 5}),
    model_with("config.json", lambda found: found | {"hidden_size": 64.5}),
    model_with("config.json", lambda found: found | {"num_hidden_layers": 10**9}),
    model_with("generation_config.json", lambda found: found | {"eos_token_id": 1.5}),
    model_with("model.safetensors.index.json", lambda found: {"weight_map": 5}),
    model_with("model.safetensors.index.json", lambda found: {"weight_map": None}),
    model_with("model.safetensors", lambda found: found[:-7]),
    model_with("tokenizer.json", lambda found: {}),
]


@pytest.mark.parametrize("damage", MODELS)
def test_a_damaged_model_is_one_line_that_names_the_file(cli, tiny, tmp_path, damage):
    folder = shutil.copytree(tiny, tmp_path / "model")
    if damage in MODELS[6:8]:
        (folder / "model.safetensors").unlink()
    path = damage(folder)
    refused(cli("generate", "the cat", "--model", folder), str(path))


RESULTS = [b"", b"{}", b"[]", b"\xff\xfe", DEEP.encode()]


@pytest.mark.parametrize("content", RESULTS, ids=range(len(RESULTS)))
def test_damaged_results_are_one_line_that_names_the_file(cli, tmp_path, content):
    path = write(tmp_path / "results.json", content)
    refused(cli("report", tmp_path, "-o", tmp_path / "page.html"), str(path))


def test_a_replaced_row_is_one_line_that_names_the_file(cli, tiny, tmp_path):
    arguments = [*sweep(tmp_path), "--model", tiny, "--max-new-tokens", "2"]
    assert cli(*arguments).status == 0
    path = tmp_path / "out" / "rows.jsonl"
    for damage in (b'{"a": 1}\n', bytes(path.stat().st_size - 1) + b"\n"):
        path.write_bytes(damage)
        refused(cli(*arguments), str(path))


@pytest.mark.parametrize("slip", SLIPS, ids=NAMES)
def test_a_slip_is_one_line_that_names_the_file(cli, tiny, tmp_path, slip):
    arguments, words = slip(tmp_path)
    refused(cli(*arguments, "--model", tiny), *map(str, words))


def test_rows_on_a_full_disk(cli, tiny, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    run = cli(*sweep(tmp_path), "--model", tiny)
    assert run.status == 2 and "Traceback" not in run.err
    line = run.err.splitlines()[-1]
    assert line.startswith(f"jaxsample: {tmp_path / 'out' / 'rows.jsonl'} ")
    assert "No space left on device" in line and "give another folder" in line


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
