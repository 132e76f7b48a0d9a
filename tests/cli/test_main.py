"""The entry point: help, version, completion and missing packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jaxsample

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


@pytest.mark.parametrize("arguments", [[], ["--help"], ["generate", "-h"], ["study"]])
def test_help_needs_nothing_heavy(arguments):
    done = alone(*arguments)
    assert done.stderr == "[] 0\n"
    assert "Usage: jaxsample" in done.stdout


def test_every_study_has_its_own_help_with_the_options_that_it_takes(cli):
    from jaxsample.study import PROTOCOLS

    shown = cli("study", "--help").out
    assert {name for name in PROTOCOLS if f" {name} " in shown} == set(PROTOCOLS)
    abouts = set()
    for name, protocol in PROTOCOLS.items():
        run = cli("study", name, "--help")
        assert run.status == 0 and f"Usage: jaxsample study {name} " in run.out
        for option in ("settings", "weight"):
            assert (f"--{option} " in run.out) == (option in protocol.takes), (name, option)
        assert all(f"--{option} " in run.out for option in ("seed", "out", "samples"))
        abouts.add(run.out.splitlines()[3])
    assert len(abouts) == len(PROTOCOLS)


def test_the_version(cli):
    assert cli("--version").out == f"jaxsample {jaxsample.__version__}\n"


def test_python_m_jaxsample_is_the_command():
    command = [sys.executable, "-m", "jaxsample", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"jaxsample {jaxsample.__version__}\n"


def test_a_shell_completes_commands_and_options():
    def completed(line):
        words = line.split(" ")
        environment = {
            "_JAXSAMPLE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        done = subprocess.run(
            [sys.executable, "-m", "jaxsample"], capture_output=True, text=True, cwd=ROOT,
            env={**os.environ, **environment}, timeout=120,
        )  # fmt: skip
        return done.stdout.split()

    assert completed("jaxsample gen") == ["generate"]
    assert completed("jaxsample study e") == ["edt"]
    assert "--prompt-file" in completed("jaxsample explain --pro")


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


def test_lm_eval_names_its_extra():
    done = alone("lm-eval", "--tasks", "gsm8k", before="sys.modules['lm_eval'] = None")
    line, status = done.stderr.splitlines()
    assert line == "jaxsample: this needs lm-eval: pip install 'jaxsample[lm-eval]'"
    assert status == "[] 2"
