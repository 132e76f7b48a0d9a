"""Findings of fresh processes."""

import time

import pytest

from benchmarks.harness.child import findings


@pytest.fixture
def script(tmp_path):
    def written(text):
        path = tmp_path / "script.py"
        path.write_text(f"import json, os, sys, time\n{text}")
        return path

    return written


def test_findings_come_one_by_one_and_noise_is_dropped(script):
    path = script(
        "print('noise')\n"
        "print(json.dumps({'given': sys.argv[1], 'variable': os.environ['MARK']}))\n"
        "print(json.dumps({'n': 2}))"
    )
    found = list(findings(path, [7], budget_s=60, variables={"MARK": "x"}))
    assert found == [{"given": "7", "variable": "x"}, {"n": 2}]


def test_an_error_keeps_what_was_found_before(script):
    path = script("print(json.dumps({'n': 1}), flush=True)\nraise ValueError('no memory')")
    assert list(findings(path, [], 60)) == [{"n": 1}, {"error": "ValueError: no memory"}]


def test_a_process_that_takes_too_long_is_stopped(script):
    path = script("print(json.dumps({'n': 1}), flush=True)\ntime.sleep(600)")
    begun = time.monotonic()
    assert list(findings(path, [], 1.5)) == [{"n": 1}, {"error": "stopped after its 1.5 s"}]
    assert time.monotonic() - begun < 60
