"""Arms that take turns, in this process and in workers."""

import sys

import pytest

from benchmarks.harness.turns import take_turns, timed
from benchmarks.harness.worker import Worker, WorkerError


def arm(log, name, seconds):
    def run():
        log.append(name)
        return seconds

    return run


def test_the_order_rotates_after_two_warm_up_calls():
    log = []
    arms = {name: arm(log, name, 0.0) for name in "abc"}
    times = take_turns(arms, rounds=3, budget_s=1.0)
    assert "".join(log) == "aabbcc" + "abc" + "bca" + "cab"
    assert times == {name: [0.0] * 3 for name in "abc"}


def test_a_slow_arm_gets_fewer_rounds_spread_evenly(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("benchmarks.harness.turns.time.perf_counter", lambda: clock[0])
    log = []

    def slow():
        clock[0] += 0.5
        log.append("slow")
        return 0.5

    times = take_turns({"fast": arm(log, "fast", 0.0), "slow": slow}, rounds=12, budget_s=6.0)
    assert (len(times["fast"]), len(times["slow"])) == (12, 6)
    runs = log[4:]
    assert [runs[:12].count("slow"), runs[12:].count("slow")] in ([4, 2], [3, 3], [4, 3])
    times = take_turns({"slow": slow}, rounds=12, budget_s=0.1)
    assert len(times["slow"]) == 5


def test_a_fast_call_repeats_inside_a_sample():
    calls = []
    run = timed(calls.append, least_s=1e-3)
    assert run() < 1e-3
    assert calls == list(range(len(calls)))
    before = len(calls)
    run()
    assert len(calls) - before > 10


SCRIPT = """
print("noise before")
from harness.worker import serve

def prepare(spec):
    print("noise")
    if spec["what"] == "nothing":
        return None
    if spec["what"] == "broken":
        raise ValueError("no such thing")
    return lambda i: spec["add"] + i

serve(prepare)
"""


@pytest.fixture
def worker(tmp_path):
    script = tmp_path / "numpy.py"  # a script must not hide the library it is about
    script.write_text(SCRIPT)
    with Worker(sys.executable, script) as made:
        yield made


def test_a_worker_that_prints_takes_turns(worker):
    made = worker.prepare(what="sum", add=40)
    assert made.call(2) == 42
    assert take_turns({"worker": made}, rounds=3, budget_s=1.0)["worker"][2] > 0
    assert worker.prepare(what="nothing") is None
    assert "numpy" in worker.versions(["numpy", "no-such-package"])
    worker.forget()


def test_a_worker_survives_an_error(worker):
    with pytest.raises(WorkerError, match="no such thing"):
        worker.prepare(what="broken")
    assert worker.prepare(what="sum", add=1).call(1) == 2


def test_a_dead_worker_is_an_error(worker):
    worker.process.kill()
    with pytest.raises(WorkerError, match="gone"):
        worker.ask({"do": "forget"})
