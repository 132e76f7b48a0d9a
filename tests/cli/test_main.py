"""The entry point: light to start, clear when something is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ALONE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
{{before}}
from jaxsample.cli.main import main
status = main({{arguments!r}})
heavy = {{{{"jax", "numpy", "matplotlib", "tokenizers", "jaxsample_models"}}}} & set(sys.modules)
print(sorted(heavy), status, file=sys.stderr)
"""


def alone(*arguments, before=""):
    code = ALONE.format(arguments=list(arguments), before=before)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["generate", "--help"]])
def test_help_needs_nothing_heavy(arguments):
    done = alone(*arguments)
    assert done.stderr == "[] 0\n"
    assert "Usage: jaxsample" in done.stdout


def test_help_names_every_preset():
    from jaxsample.interop import PRESETS

    text = " ".join(alone("generate", "--help").stdout.split())
    assert all(name in text for name in PRESETS)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_a_missing_extra_is_one_line(missing):
    done = alone("generate", before=f"sys.modules[{missing!r}] = None")
    line, status = done.stderr.splitlines()
    assert line == f"jaxsample: this needs {missing}: pip install 'jaxsample[cli]'"
    assert status == "[] 2"


def test_errors_of_our_own_are_not_hidden(monkeypatch):
    from jaxsample.cli import app, main

    def broken(arguments):
        raise ModuleNotFoundError("no module named jaxsample.nothing", name="jaxsample.nothing")

    monkeypatch.setattr(app, "run", broken)
    with pytest.raises(ModuleNotFoundError):
        main.main([])


def test_the_version_costs_no_import_of_jax():
    code = "import sys, jaxsample; print(jaxsample.__version__, 'jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    version, heavy = done.stdout.split()
    assert version[0].isdigit() and heavy == "False"
