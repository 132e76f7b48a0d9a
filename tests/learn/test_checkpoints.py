"""Checkpoints of training, and damaged ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsample import EntropyTemperature, Temperature
from jaxsample.learn import fit
from tests.learn import crossed, fit_program

DATA = crossed.draw(jax.random.key(3), 16)._replace(prompts=None)


def run(folder=None, sampler=None, data=DATA):
    sampler = Temperature(1.0) if sampler is None else sampler
    return fit(
        jax.random.key(0), sampler, None, None, data, steps=4, batch_size=4, every=1,
        held_out=DATA, folder=folder,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run of four steps, and its result."""
    folder = tmp_path_factory.mktemp("run")
    return folder, run(folder)


@pytest.fixture
def folder(finished, tmp_path):
    """Return a copy of that folder, which a test may damage."""
    return shutil.copytree(finished[0], tmp_path / "run")


class Interrupted(np.ndarray):
    """An array that raises KeyboardInterrupt after it was read a number of times."""

    def __getitem__(self, index):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return np.asarray(self)[index]


def interrupted(after):
    """Return the examples, with Ctrl-C in the step after so many steps."""
    logits = np.asarray(DATA.logits).view(Interrupted)
    logits.left = after
    return DATA._replace(logits=logits)


def test_an_interrupted_run_resumes_with_the_same_bits(finished, tmp_path):
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(tmp_path, data=interrupted(2))
    (note,) = stopped.value.__notes__
    assert f"the checkpoint of step 2 is in {tmp_path}" in note
    assert "call fit again with the same arguments to resume" in note
    again, whole = run(tmp_path), finished[1]
    assert again.history == whole.history
    np.testing.assert_array_equal(again.sampler.value, whole.sampler.value)


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (False, "nothing was kept; pass folder= to keep checkpoints"),
        (True, "before the first checkpoint"),
    ],
)
def test_an_interruption_says_that_nothing_was_kept(kept, message, tmp_path):
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(tmp_path if kept else None, data=interrupted(0))
    assert message in stopped.value.__notes__[0]


def test_a_finished_run_is_not_run_again(finished):
    again = run(finished[0], data=interrupted(0))
    assert again.history == finished[1].history and again.steps == 4


@pytest.mark.parametrize("other", [Temperature(0.5), EntropyTemperature(1.0, 0.0)])
def test_a_checkpoint_of_another_sampler_is_refused(finished, other):
    with pytest.raises(ValueError, match="checkpoint of step 4 .* another sampler"):
        run(finished[0], other)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", None])
def test_damaged_arguments_are_named(folder, content):
    path = folder / "arguments.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=r"arguments\.json"):
        run(folder)


@pytest.mark.parametrize("line", ["5", "{}", '{"step": null}', "[" * 100_000, "\0" * 9])
def test_a_damaged_line_of_metrics_is_named(folder, line):
    path = folder / "metrics.jsonl"
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(ValueError, match=r"metrics\.jsonl: line 1 is damaged; delete that line"):
        run(folder)


def test_a_part_of_a_last_line_is_dropped(folder, finished):
    path = folder / "metrics.jsonl"
    whole = path.read_text()
    path.write_text(whole + '{"step": 5, "lo')
    assert run(folder).history == finished[1].history
    assert path.read_text() == whole


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_truncated_checkpoint_is_named_and_the_one_before_serves(folder, finished, share):
    damaged = folder / "checkpoints" / "4"
    for path in damaged.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=f"{damaged} is damaged .* delete that folder to resume"):
        run(folder)
    shutil.rmtree(damaged)
    np.testing.assert_array_equal(run(folder).sampler.value, finished[1].sampler.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the result of the program that is killed below."""
    return fit_program.run(tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_resumes_with_the_same_bits(tmp_path, whole, how):
    folder = tmp_path / "killed"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.learn.fit_program", str(folder)]
    paths = os.pathsep.join(map(str, (root, root / "models")))
    environment = os.environ | {"PYTHONPATH": paths}
    # A pipe that nobody reads fills up: jax 0.8 prints a line for each program in its cache.
    said = tmp_path / "said"
    with said.open("w") as stream:
        process = subprocess.Popen(command, cwd=root, env=environment, stderr=stream)
    metrics = folder / "metrics.jsonl"
    while not (metrics.exists() and len(metrics.read_text().splitlines()) >= 3):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(how)
    process.wait()
    advice = "call fit again with the same arguments to resume"
    assert how == signal.SIGKILL or advice in said.read_text()
    subprocess.run(command, cwd=root, env=environment, check=True)
    kept = np.load(folder / "leaves.npz")
    for mine, other in zip(jax.tree.leaves(whole.sampler), kept.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(mine), other)
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert lines == whole.history
