"""Two processes with two devices each do what one process does, and one of them is killed."""

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsample import Temperature, generate
from jaxsample.learn import load
from jaxsample_models import save
from tests.hosts import ways

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the two processes, and return the folder with what they found."""
    folder = tmp_path_factory.mktemp("hosts")
    save(folder / "model", ways.CONFIG, ways.weights(), dtype="float32")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        # Compiling takes most of the time here.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "models")]),
    }
    program = [sys.executable, "-m", "tests.hosts.program"]
    logs = [folder / f"log{rank}" for rank in range(2)]
    started = []
    for rank, log in enumerate(logs):
        with log.open("w") as file:
            arguments = [*program, str(rank), str(port), str(folder)]
            streams = {"stdout": file, "stderr": subprocess.STDOUT}
            started.append(subprocess.Popen(arguments, cwd=ROOT, env=environment, **streams))
    try:
        for process in started:
            process.wait(timeout=900)
    finally:
        for process in started:
            process.kill()
    assert (folder / "report.txt").exists(), "".join(log.read_text()[-3000:] for log in logs)
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(2)]


def same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if np.issubdtype(np.asarray(a).dtype, np.integer):
            np.testing.assert_array_equal(a, b)
        else:  # sums that are split over devices, and programs without optimisations: a few ulp
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("way", ways.DECODED)
def test_two_hosts_decode_as_one_device(found, way):
    alone = ways.DECODED[way](ways.Alone())
    for host in found:
        same(alone, host[way])


def test_two_hosts_train_as_one(found, folder):
    alone = ways.fitted(ways.Alone())
    for host in found:
        same(alone, host["fitted"])
    lines = (folder / "fit0" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]
    assert not (folder / "fit1").exists()


def test_one_host_and_two_resume_what_two_began(found, folder, tmp_path):
    sampler, history = ways.fitted(ways.Alone(), steps=8)
    copy = ways.copied(folder / "fit0", tmp_path / "fit")
    by_one = ways.fitted(ways.Alone(), copy, steps=8)
    for again in (by_one, *(host["resumed"] for host in found)):
        same((sampler, history[2:]), again)
    assert not (folder / "resumed1").exists()


def test_each_host_trains_alone_if_no_mesh_is_over_both(found, folder):
    """It needs no other host, so it also trains after the other one was killed."""
    alone = ways.fitted(ways.Alone())
    for host in found:
        same(alone, host["fitted alone"])
    same(alone, pickle.loads((folder / "after.pickle").read_bytes()))


def test_the_first_host_alone_saves(found, folder):
    sampler = load(folder / "saved0")
    same(found[0]["fitted"][0], sampler)
    assert not (folder / "saved1").exists()


def test_an_error_of_the_first_host_stops_the_others(found):
    (kind, text), (other, told) = (host["unopened"] for host in found)
    assert (kind, other) == ("NotADirectoryError", "RuntimeError")
    assert told == f"process 0 stopped: {kind}: {text}"


@pytest.mark.parametrize("way", ["split", "together"])
def test_two_hosts_sweep_as_one(found, folder, way):
    alone = ways.swept()
    names = "setting", "item", "seed", "sample", "tokens", "text", "model"
    wanted = [[row[name] for name in names] for row in alone]
    for host in found:
        assert [[row[name] for name in names] for row in host[way]] == wanted
    lines = (folder / f"{way}0" / "rows.jsonl").read_text().splitlines()
    assert [[json.loads(line)[name] for name in names] for line in lines] == wanted
    assert not (folder / f"{way}1").exists()


def test_hosts_with_other_arguments_are_refused(found):
    for host, other in zip(found, (1, 0), strict=True):
        assert host["refused"].startswith(f"process {other} sweeps with other seeds")


def test_a_killed_host_is_reported_and_a_new_run_goes_on(folder):
    report = (folder / "report.txt").read_text()
    assert report.startswith("process 0 of 2 stopped, because another one was killed or failed")
    assert "start all processes again with the same arguments" in report
    kept = (folder / "killed" / "rows.jsonl").read_text()
    assert len(kept.splitlines()) == 2 * ways.SWEEP["batch_size"]  # a batch of each process
    rows = ways.swept(out=folder / "killed")
    assert (folder / "killed" / "rows.jsonl").read_text().startswith(kept)
    assert [row["tokens"] for row in rows] == [row["tokens"] for row in ways.swept()]


def test_two_hosts_share_a_rollout_and_a_killed_one_loses_nothing(folder):
    found = []
    for process in (0, 1):
        [file] = (folder / "rollout").glob(f"*-{process}.jsonl")
        found.append([index for index, _ in ways.written(file)])
    assert sorted(found[0]) == list(range(0, len(ways.ROLLED), 2))
    assert len(found[1]) == 2 and all(index % 2 for index in found[1])
    rest = list(ways.rolled(folder / "rollout", 0))  # by one process
    assert sorted(found[0] + found[1] + rest) == list(range(len(ways.ROLLED)))
    lengths = np.array([len(prompt) for prompt in ways.ROLLED])
    prompts = np.stack([np.pad(prompt, (0, 3 - len(prompt))) for prompt in ways.ROLLED])
    whole = generate(
        jax.random.key(ways.KEY), ways.MODEL, ways.TABLE, prompts, Temperature(0.7),
        lengths=lengths, max_length=16, max_new_tokens=12, eos=range(0, ways.V, 8), record=(),
    )  # fmt: skip
    for file in (folder / "rollout").iterdir():
        for index, tokens in ways.written(file):
            assert tokens == whole.tokens[index, : whole.lengths[index]].tolist()
