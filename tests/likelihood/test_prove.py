"""The experiment at its small size: every arm runs, and a second run reads what the first kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.experiments.learned.protocol import digest
from benchmarks.experiments.likelihood.prove import PROTOCOL


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_quick_run_measures_every_arm_and_resumes(tmp_path):
    command = [sys.executable, str(PROTOCOL.with_name("prove.py")), "--quick", "--out", tmp_path]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    first = json.loads((tmp_path / "results.json").read_text())
    assert first["protocol_sha256"] == digest(PROTOCOL)
    arms = first["domains"]["stories"]["arms"]
    assert {"plain", "fixed_oracle", "edt_oracle", "low_rank", *first["protocol"]["rungs"]} <= set(
        arms
    )
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    again = json.loads((tmp_path / "results.json").read_text())
    assert again["domains"] == first["domains"]
    shares = [sys.executable, str(PROTOCOL.with_name("shares.py")), "--run", tmp_path]
    subprocess.run(shares, check=True, cwd=Path(__file__).parents[2])
    found = json.loads((tmp_path / "shares.json").read_text())["domains"]["stories"]
    whole = first["domains"]["stories"]["differences"]["learned_minus_fixed"]["mean"]
    assert found[-1]["gain"] == pytest.approx(-whole, abs=1e-6)  # all texts, as in the run
    assert [one["texts"] for one in found] == [6, 12, 24, 48]
