"""The checks of every study before it draws, and its command."""

import errno
import os
import sys

import pytest

from jaxsample import TopP
from jaxsample.cli import protocols as commands
from jaxsample.cli import studies
from jaxsample.study import PROTOCOLS, Item, Setting, Sweep
from jaxsample.study.protocols import _protocol
from tests.study.models import bigrams

ITEMS = [Item("a", "w1 w2", ("w2 w3",)), Item("b", "w3", ("w4",))]
MINE = [Setting("mine", TopP(0.5))]
every_study = pytest.mark.parametrize("study", PROTOCOLS.values(), ids=PROTOCOLS)


class Drew(Exception):
    """Raised at the first draw of a study."""


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """The arguments of the first sweep, which draws nothing."""
    seen = {}

    def sweep(source, settings, items, **arguments):
        seen.update(arguments, settings=settings, items=items)
        raise Drew

    monkeypatch.setattr(_protocol, "sweep", sweep)
    return seen


@every_study
@pytest.mark.parametrize("package", ["sacrebleu", "vl_convert", "jinja2"])
def test_a_missing_package_is_named_before_the_first_draw(study, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'jaxsample\[study\]'"):
        study.run([bigrams()], ITEMS, tmp_path)


@every_study
def test_the_folder_and_the_options_are_checked_before_the_first_draw(study, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    wrong = [
        ({"out": file}, f"{file} is a file; give a folder"),
        ({"out": file / "inner"}, "inner cannot be written"),
        ({"samples": 1}, "2 or more samples of a prompt, got 1"),
        ({"sources": []}, "there is no model"),
    ]
    for name, value in {"settings": MINE, "judge": len, "embedder": len, "weight": 2.0}.items():
        if name not in study.takes:
            wrong.append(({name: value}, f"{study.name} does not take {name}; leave it out"))
    if "settings" in study.takes:
        wrong.append(({"settings": [*MINE, *MINE]}, "two settings are named 'mine'"))
        wrong.append(({"settings": [Setting("a", 5)]}, "setting 'a' needs a transform, got 5"))
    if "weight" in study.takes:
        wrong.append(({"weight": -1.0}, "weight must be >= 0, got -1.0"))
    if "models" not in study.takes:
        two = [bigrams(0), bigrams(1)]
        wrong.append(({"sources": two}, f"{study.name} takes one model, got 2"))
    for change, message in wrong:
        arguments = {"sources": [bigrams()], "items": ITEMS, "out": tmp_path / "out"} | change
        with pytest.raises(ValueError, match=message):
            study.run(**arguments)


@every_study
def test_an_unknown_option_is_refused(study, tmp_path):
    with pytest.raises(TypeError, match="sample"):
        study.run([bigrams()], ITEMS, tmp_path, sample=4)


@every_study
@pytest.mark.parametrize("quick", [False, True])
def test_the_samples_and_the_seed_reach_the_sweep(study, quick, asked, tmp_path):
    with pytest.raises(Drew):
        study.run([bigrams()], ITEMS, tmp_path, quick=quick, seed=7)
    assert asked["seeds"] == (7,) and asked["samples"] == study.samples[quick]
    with pytest.raises(Drew):
        study.run([bigrams()], ITEMS, tmp_path, samples=5, max_new_tokens=3)
    assert asked["samples"] == 5 and asked["max_new_tokens"] == 3


def test_a_model_with_a_short_context_is_refused_before_another_draws(tmp_path):
    short = bigrams(1)
    short.checkpoint.config.max_length = 6
    with pytest.raises(ValueError, match="leaves room for 4 of the 6 positions"):
        PROTOCOLS["surface"].run([bigrams(), short], ITEMS, tmp_path, max_new_tokens=8)


def test_a_disk_that_is_full_at_the_end_is_named(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_protocol, "sweep", lambda *arguments, **options: Sweep([], 0, 0.0))
    monkeypatch.setattr(_protocol, "write", full)
    empty = PROTOCOLS["presets"]._replace(
        measures=lambda plan, drawn: None, shows=lambda plan, measured: {}
    )
    with pytest.raises(ValueError, match=f"{tmp_path} cannot be written .No space left"):
        empty.run([bigrams()], ITEMS, tmp_path)


@every_study
def test_a_command_has_the_options_that_its_study_takes(study):
    _, _, without = studies.STUDIES[study.name]
    assert set(without) == {"settings", "weight"} - study.takes


class Prompts:
    """Prompt flags of the command line, with or without a file."""

    def __init__(self, data):
        self.data, self.chat = data, False

    def items(self, source, count):
        return [Item(str(i), "w1", ("w2",)) for i in range(count or 1)]


@every_study
@pytest.mark.parametrize("data", [None, "prompts.jsonl"])
def test_the_command_gives_a_study_the_prompts_that_suit_it(study, data, asked, tmp_path):
    given = {"settings": (), "weight": 1.0, "samples": None, "seed": 3}
    with pytest.raises(Drew):
        commands.run(study.name, [bigrams()], Prompts(data), tmp_path, quick=True, **given)
    assert asked["seeds"] == (3,)
    wanted = study.prompts[True]
    assert len(asked["items"]) == max(wanted, 1)
    assert (asked["items"][0].id == "story") == (data is None and not wanted)
