"""The oldest versions that are installed in CI are the oldest that users may install."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_job_with_the_oldest_versions_has_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["learn"]]
    allowed = dict(line.split(">=") for line in lines)
    lines = (ROOT / "tests" / "oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pinned.pop("jaxlib") == pinned["jax"]
    assert {name: version.removesuffix(".0") for name, version in pinned.items()} == allowed
    assert f"flax>={allowed['flax']}" in extras["models"]
