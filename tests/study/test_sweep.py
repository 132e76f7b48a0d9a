"""The rows of a sweep, its compiled programs, and how it resumes."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Guidance, Temperature, TopK, TopP, chain, generate
from jaxsample.kernels._noise import fold_in
from jaxsample.study import Item, Setting, sweep
from jaxsample.study.draw._at_once import at_once
from jaxsample.study.draw._in_slots import in_slots
from jaxsample.study.draw._jobs import Job
from jaxsample.study.draw._program import Program
from tests.study.models import bigrams, traced
from tests.study.sweep_program import ITEMS, SETTINGS, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def whole():
    return run(None).rows


def test_there_is_a_row_for_every_setting_item_seed_and_sample(whole):
    rows = run(None, seeds=(3, 4), samples=2).rows
    names = [(r["setting"], r["item"], r["seed"], r["sample"]) for r in rows]
    wanted = [
        (s.name, i.id, seed, g) for s in SETTINGS for i in ITEMS for seed in (3, 4) for g in (0, 1)
    ]
    assert names == wanted
    assert len(whole) == len(SETTINGS) * len(ITEMS) * 4


def test_a_row_is_what_generate_draws_alone(whole):
    source = bigrams()
    for row in (whole[0], whole[-1]):
        setting = next(s for s in SETTINGS if s.name == row["setting"])
        number = [item.id for item in ITEMS].index(row["item"])
        key = fold_in(fold_in(jax.random.key(row["seed"]), number), row["sample"])
        prompt = source.encode(row["prompt"])
        out = generate(
            key[None],
            source.checkpoint.model,
            source.checkpoint.params,
            jnp.asarray([prompt]),
            setting.sampler,
            max_new_tokens=12,
            eos=0,
            record=("logprobs", "model_logprobs", "entropy", "kept"),
        )
        length = int(out.lengths[0])
        assert row["tokens"] == out.tokens[0, :length].tolist()
        for name in ("logprobs", "model_logprobs", "entropy", "kept"):
            # A batch of another size is another program, which rounds differently.
            np.testing.assert_allclose(row[name], getattr(out, name)[0, :length], rtol=1e-5)
        assert row["text"].split() == [f"w{t}" for t in row["tokens"] if t]
        assert row["ended"] == (row["tokens"][-1] == 0)


def test_rows_do_not_depend_on_the_batches(whole):
    rows = run(None, batch_size=5).rows
    assert [r["tokens"] for r in rows] == [r["tokens"] for r in whole]


def test_settings_of_one_structure_compile_once():
    traced.clear()
    run(None, batch_size=9)  # eight batches of a new shape
    first = len(traced)
    assert first > 0
    run(None, batch_size=9, seeds=(7,))
    assert len(traced) == first
    one = sweep(bigrams(), SETTINGS[:1], ITEMS, samples=4, max_new_tokens=12, batch_size=9)
    assert len(one.rows) == 12 and len(traced) == first


def test_other_structures_and_combiners_run_in_one_sweep():
    settings = [
        Setting("k", TopK(3)),
        Setting("T", chain(Temperature(0.5), TopP(0.9))),
        Setting("k 5", TopK(5)),
        Setting("guided", chain(), Guidance(1.5)),
    ]
    items = [item._replace(without="") for item in ITEMS]
    rows = sweep(bigrams(), settings, items, max_new_tokens=6, batch_size=8).rows
    assert {r["setting"] for r in rows} == {"k", "T", "k 5", "guided"}
    assert rows[-1]["chain"]["combiner"] == {"transform": "Guidance", "scale": 1.5}
    with pytest.raises(ValueError, match="item 'one' has no prompt without its source"):
        sweep(bigrams(), settings, ITEMS, max_new_tokens=6)


def begun(folder, format, seconds):
    """Start a sweep in another process, with a pause between its batches."""
    command = [sys.executable, "-m", "tests.study.sweep_program", str(folder), format, str(seconds)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def killed(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("format", ["jsonl", pytest.param("parquet", marks=pytest.mark.slow)])
def test_a_sweep_that_was_killed_twice_has_the_same_rows(tmp_path, whole, format):
    path = tmp_path / ("rows.jsonl" if format == "jsonl" else "rows.parquet")

    def size():
        if path.is_dir():
            return len(list(path.glob("*.parquet")))
        return path.stat().st_size if path.exists() else 0

    for _ in range(2):
        before = size()
        process = begun(tmp_path, format, 0.3)
        start = time.monotonic()
        while size() <= before and process.poll() is None and time.monotonic() - start < 120:
            time.sleep(0.01)
        killed(process)
    if format == "jsonl":  # an incomplete line
        with open(path, "a") as file:
            file.write('{"setting": "t0')
    assert run(tmp_path, format).rows == whole
    assert run(tmp_path, format).tokens == 0


def test_a_second_process_is_kept_out_of_the_folder(tmp_path, whole):
    """Without the lock both processes would write every row."""
    first = begun(tmp_path, "jsonl", 60)
    lock = tmp_path / "sweep.lock"
    while not (lock.exists() and lock.read_text()) and first.poll() is None:
        time.sleep(0.01)
    with pytest.raises(ValueError, match=f"{tmp_path} is in use by process {first.pid}, which"):
        run(tmp_path)
    killed(first)  # the lock ends with the process
    assert run(tmp_path).rows == whole


@pytest.fixture
def swept(tmp_path, whole):
    """The folder of a finished sweep."""
    run(tmp_path)
    return tmp_path


def replaced(lines, number, line):
    return lines[: number - 1] + line + lines[number:]


DAMAGES = {
    "another object": (lambda lines: replaced(lines, 3, ['{"a": 1}']), "3 is damaged (setting is"),
    "not an object": (lambda lines: replaced(lines, 3, ["[]"]), "3 is damaged (the file must be"),
    "zeros": (lambda lines: replaced(lines, 5, ["\0" * 512]), "5 is damaged (Expecting value"),
    "nested": (lambda lines: replaced(lines, 5, ["[" * 100_000]), "5 is damaged (maximum recur"),
    "a row twice": (
        lambda lines: replaced(lines, 2, [lines[0], lines[1]]),
        "2 holds (setting, item, seed, sample) ('t0 0.5 p 0.8', 'one', 0, 0), but the sweep draws "
        "('t0 0.5 p 0.8', 'one', 0, 1) there",
    ),
    "a row lost": (lambda lines: replaced(lines, 7, []), "7 holds (setting, item, seed, sample)"),
    "too many": (lambda lines: [*lines, lines[0]], "73: the sweep draws 72 rows"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_named_by_file_and_line(swept, damage):
    change, message = DAMAGES[damage]
    path = swept / "rows.jsonl"
    before = "\n".join(change(path.read_text().splitlines())) + "\n"
    path.write_text(before)
    with pytest.raises(ValueError, match=re.escape(f"{path}, line {message}")):
        run(swept)
    assert path.read_text() == before


def test_damaged_parquet_is_named(tmp_path, whole):
    run(tmp_path, "parquet")
    parts = sorted((tmp_path / "rows.parquet").iterdir())
    kept = parts[2].read_bytes()
    parts[2].write_bytes(bytes(len(kept)))
    with pytest.raises(ValueError, match=re.escape(f"{parts[2]} is damaged")):
        run(tmp_path, "parquet")
    parts[2].write_bytes(parts[1].read_bytes())
    with pytest.raises(ValueError, match=re.escape(f"{parts[2]}, row 1 holds (setting, item")):
        run(tmp_path, "parquet")
    parts[2].write_bytes(kept)
    assert run(tmp_path, "parquet").rows == whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON: Expecting value"),
        ("[]", "is not the description of a sweep: the file must be an object, got []"),
        ('{"settings": 5}', "is not the description of a sweep: settings must be a list, got 5"),
        ('{"settings": []}', "is not the description of a sweep: items is missing"),
        ("[" * 100_000, "is not JSON: it is nested too deep"),
    ],
)
def test_a_damaged_description_is_named(swept, text, message):
    path = swept / "sweep.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"{path} {message}")):
        run(swept)


def test_rows_without_their_description_are_an_error(swept):
    (swept / "sweep.json").unlink()
    with pytest.raises(ValueError, match="holds rows.jsonl but no sweep.json"):
        run(swept)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match=f"{file} is a file; give a folder"):
        run(file)
    with pytest.raises(ValueError, match=f"{file / 'inner'} cannot be written"):
        run(file / "inner")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root can write everywhere
    with pytest.raises(ValueError, match=f"{tmp_path} cannot be written .Permission denied"):
        run(tmp_path)


def test_a_disk_that_is_full_is_named(swept, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (swept / "rows.jsonl").write_text("")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="rows.jsonl cannot be written .No space left on device"):
        run(swept)


def test_another_sweep_in_the_folder_is_an_error(tmp_path):
    run(tmp_path)
    with pytest.raises(ValueError, match="holds a sweep with other seeds; give another folder"):
        run(tmp_path, seeds=(1,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "csv"}, "format must be one of jsonl, parquet"),
        ({"samples": 0}, "samples must be an int >= 1"),
        ({"seeds": ()}, "seeds must be different whole numbers in"),
        ({"seeds": (1.5,)}, "seeds must be different whole numbers in"),
        ({"seeds": (1, 1)}, "seeds must be different whole numbers in"),
        ({"seeds": (2**32,)}, "seeds must be different whole numbers in"),
        ({"max_new_tokens": 31}, "item 'two': a prompt of 3 tokens leaves room for 29 of"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        run(None, **change)


def test_a_setting_that_the_model_cannot_run_is_named():
    wide = Setting("wide", chain(TopP(jnp.array([0.1, 0.2]))))
    with pytest.raises(ValueError, match="setting 'wide': a row takes one number"):
        sweep(bigrams(), [wide], ITEMS, max_new_tokens=2, batch_size=2)


def test_a_prompt_that_the_model_does_not_know_is_named():
    items = [*ITEMS, Item("odd", "\N{SNOWMAN}")]
    with pytest.raises(ValueError, match="item 'odd': bigrams has no token of the prompt"):
        sweep(bigrams(), SETTINGS, items, max_new_tokens=2)


def test_prompts_need_ids_of_their_own():
    with pytest.raises(ValueError, match="two prompts have the id 'a'"):
        sweep(bigrams(), SETTINGS, [Item("a", "w1"), Item("a", "w2")])
    with pytest.raises(ValueError, match="no prompts"):
        sweep(bigrams(), SETTINGS, [])


def test_rows_are_plain_json(whole):
    assert json.loads(json.dumps(whole)) == whole


PROGRAM = Program(bigrams(), SETTINGS, ITEMS, 12, 5)
JOBS = [Job(setting, 1, 3, sample) for setting in range(len(SETTINGS)) for sample in range(3)]


def test_slots_draw_what_batches_draw():
    batches = [JOBS[at : at + 5] for at in range(0, len(JOBS), 5)]
    for batch, texts in zip(batches, in_slots(PROGRAM, batches), strict=True):
        for text, other in zip(texts, at_once(PROGRAM, batch), strict=True):
            for name, value in other.items():
                np.testing.assert_array_equal(text[name], value)


def test_what_all_prompts_begin_with_is_read_once():
    begin = " ".join(f"w{i}" for i in range(1, 17))
    items = [Item(str(i), f"{begin} w{i} w{i + 1}") for i in range(3)] + [Item("3", begin)]
    program = Program(bigrams(), SETTINGS, items, 12, 5)
    jobs = [Job(0, item, 0, 0) for item in range(4)]
    traced.clear()
    [found] = in_slots(program, [jobs])
    # The begin once, padded to all 30 columns, then the rest of the prompts, and the steps.
    # A single token tells the size of the vocabulary.
    assert {(1, 30), (1, 2), (5, 1), (1, 1)} >= set(traced)
    for text, other in zip(found, at_once(program, jobs), strict=True):
        np.testing.assert_array_equal(text["tokens"], other["tokens"])
