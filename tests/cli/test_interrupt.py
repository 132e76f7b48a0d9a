"""Ctrl-C in real processes: each ends within a second, with status 130 and one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRESS = "os.kill(os.getpid(), signal.SIGINT)"
ALONE = f"""
import os, signal, sys, time
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "models")!r}]
# A shell that runs the tests in the background has them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaxsample.cli import interrupt
"""
COMMAND = """
from jaxsample.cli.main import main
sys.argv[1:] = {arguments!r}
sys.exit(main())
"""
LIMIT = 300  # seconds: a busy machine starts and compiles slowly


def start(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", ALONE + code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def finish(process):
    try:
        return process.communicate(timeout=LIMIT)
    finally:
        process.kill()


def run(code):
    return finish(start(code))


def ended(code, **environment):
    """Run code that presses Ctrl-C, check how it ended, and return what it printed."""
    process = start(code, **environment)
    out, err = finish(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err and err.splitlines()[-1].startswith("jaxsample: interrupted")
    return out, err


@pytest.mark.parametrize(
    "busy",
    [
        "time.sleep(3600)",  # like a compilation: a call that does not return
        "while True: pass",
        "import gc; gc.callbacks.append(lambda *_: time.sleep(3600)); gc.collect()",
        "[].__class__.sort([3, 2], key=lambda _: time.sleep(3600))",
    ],
)
def test_whatever_the_main_thread_does(busy):
    out, err = ended(f"interrupt.install()\nprint('kept')\n{PRESS}\n{busy}")
    assert (out, err) == ("kept\n", "jaxsample: interrupted\n")


def test_what_is_open_is_closed_and_the_advice_printed():
    code = f"""
interrupt.install()
interrupt.advise("the same command resumes")
with interrupt.closing(lambda: print("the end")):
    print("the beginning")
    {PRESS}
    time.sleep(3600)
"""
    out, err = ended(code)
    assert out == "the beginning\nthe end\n"
    assert err == "jaxsample: interrupted; the same command resumes\n"


@pytest.mark.parametrize("stuck", ["time.sleep(3600)", "1 / 0"])
def test_a_close_that_fails_or_never_returns_does_not_hold_it_up(stuck):
    code = f"""
interrupt.install()
with interrupt.closing(lambda: {stuck}):
    {PRESS}
    time.sleep(3600)
"""
    assert ended(code) == ("", "jaxsample: interrupted\n")


def test_a_block_that_ends_is_closed_once():
    code = """
interrupt.install()
with interrupt.closing(lambda: print("closed")):
    pass
"""
    assert run(code) == ("closed\n", "")


def test_a_process_that_its_parent_made_ignore_it_goes_on():
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)\ninterrupt.install()\n"
    assert run(f"{ignored}{PRESS}\ntime.sleep(0.2)\nprint('done')") == ("done\n", "")


def test_the_first_one_within_stopping_is_an_event_and_the_second_ends_the_process():
    code = f"""
interrupt.install()
for _ in range(2):
    with interrupt.stopping() as stop:
        {PRESS}
        print(stop.wait(60))
with interrupt.stopping() as stop:
    {PRESS}
    stop.wait(60)
    {PRESS}
    time.sleep(3600)
"""
    assert ended(code) == ("True\nTrue\n", "jaxsample: interrupted\n")


AT_IMPORT = f"""
class Press:
    def find_spec(self, name, *_):
        if name == "jax":
            {PRESS}
sys.meta_path.insert(0, Press())
"""


def test_while_jax_is_imported():
    out, err = ended(AT_IMPORT + COMMAND.format(arguments=["generate", "--seed", "1"]))
    assert (out, err) == ("", "jaxsample: interrupted\n")


WHILE_COMPILING = f"""
import jax, threading
programs = []
def press(event, *_, **__):
    if "jaxpr_to_mlir_module" in event:
        programs.append(event)
        if len(programs) == {{number}}:
            threading.Timer(0.02, lambda: {PRESS}).start()
jax.monitoring.register_event_duration_secs_listener(press)
"""


@pytest.fixture(scope="module")
def count():
    """The number of programs that the command compiles."""
    code = WHILE_COMPILING.format(number=0) + COMMAND.format(arguments=["generate"])
    code = code.replace("sys.exit(main())", "main(); print(); print(len(programs))")
    out, err = finish(start(code, JAX_ENABLE_COMPILATION_CACHE="false"))
    assert out, err
    return int(out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_while_a_program_is_compiled(share, count):
    number = 1 + int(share * (count - 1))
    code = WHILE_COMPILING.format(number=number) + COMMAND.format(arguments=["generate"])
    ended(code, JAX_ENABLE_COMPILATION_CACHE="false")


WHILE_DECODING = f"""
from jaxsample.cli import generate
decode = generate.decode
def slowly(*arguments):
    for n, chunk in enumerate(decode(*arguments)):
        if n == 1:
            {PRESS}
            time.sleep(3600)
        yield chunk
generate.decode = slowly
"""


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["-n", "2"], ["--json"]])
def test_while_text_is_decoded(tiny, flags):
    arguments = ["generate", "the cat", "--model", str(tiny), "--temperature", "0.9", "--seed", "7"]
    out, err = ended(WHILE_DECODING + COMMAND.format(arguments=[*arguments, *flags]))
    assert "--seed 7 draws the same text" in err
    if "--json" in flags:
        text = json.loads(out)
        assert text["finish_reason"] == "interrupted" and len(text["tokens"]) == 4
    else:
        assert out.startswith("the cat ") and len(out.split()) > 2 and out.endswith("\n")


SETTINGS = """
[[settings]]
name = "T {t}"
grid = { t = [0.5, 1.0] }
chain = [{ transform = "Temperature", value = "{t}" }]
"""


@pytest.mark.slow
def test_a_sweep_is_resumed_without_losing_or_repeating_a_row(cli, tiny, tmp_path):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "the cat"}\n{"prompt": "a dog"}\n')
    whole, cut = tmp_path / "whole", tmp_path / "cut"

    def arguments(out):
        given = ["sweep", tmp_path / "settings.toml", "--data", tmp_path / "prompts.jsonl"]
        more = ["--model", tiny, "--samples", "500", "--batch-size", "8", "--out", out]
        return [str(one) for one in given + more]

    process = start(COMMAND.format(arguments=arguments(cut)))
    rows = cut / "rows.jsonl"
    while not rows.exists() or rows.stat().st_size < 5_000:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130
    assert err.endswith("jaxsample: interrupted; the same command resumes where this one stopped\n")
    assert 0 < len(rows.read_text().splitlines()) < 2000
    assert cli(*arguments(cut)).status == 0
    assert cli(*arguments(whole)).status == 0
    assert rows.read_text() == (whole / "rows.jsonl").read_text()
