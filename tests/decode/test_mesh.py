"""`generate` on a mesh of 2 x 4 devices, with sharded params, cache and vocabulary."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_on_devices(module, *arguments):
    """Run a module with command-line arguments in a process with 8 virtual devices."""
    env = dict(
        os.environ,
        JAX_NUM_CPU_DEVICES="8",
        JAX_PLATFORMS="cpu",
        PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "models")]),
    )
    program = [sys.executable, "-m", module, *arguments]
    return subprocess.run(program, env=env, cwd=ROOT, capture_output=True, text=True, timeout=900)


@pytest.mark.full
def test_tokens_do_not_depend_on_the_devices():
    done = run_on_devices("tests.decode.mesh_program")
    assert "mesh ok" in done.stdout, done.stderr[-3000:]
