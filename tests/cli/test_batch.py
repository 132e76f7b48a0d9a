"""The command batch: its rows, how it resumes, and what it refuses."""

import json
import signal
import time

import pytest

import jaxsample
from jaxsample.cli import opening
from jaxsample.cli.json_lines import KEYS
from jaxsample.study import Source
from tests.cli.test_chat import TEMPLATE
from tests.cli.test_interrupt import COMMAND, finish, start
from tests.cli.test_nonsense import refused

PROMPTS = ["the cat", "a dog saw the", "big cat ran and", "the", "a", "dog", "the dog ran ."]
FLAGS = "--temperature", "0.9", "--slots", "3", "--max-new-tokens", "11", "--seed", "7"


def written(folder, prompts=PROMPTS, name="prompts.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
    return path


def rows(path):
    """The rows of a file, by index and sample."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    places = [(row["index"], row["sample"]) for row in found]
    assert len(set(places)) == len(places), "no text is drawn twice"
    return {place: row for place, row in zip(places, found, strict=True)}


def tokens(path):
    return {place: (row["text"], row["tokens"]) for place, row in rows(path).items()}


@pytest.fixture
def batch(cli, tiny, tmp_path):
    """Run the command on the prompts above, or on a file."""

    def run(*flags, data=None, out="texts.jsonl"):
        data = data or written(tmp_path)
        given = "batch", "--data", data, "--out", tmp_path / out, "--model", tiny, *FLAGS
        return cli(*given, *flags)

    return run


def test_rows_are_the_lines_of_generate(batch, cli, tiny, tmp_path):
    run = batch("-n", "2")
    assert run.status == 0 and run.out == ""
    assert f"14 texts in {tmp_path / 'texts.jsonl'}; " in run.err.replace("\n", "")
    found = rows(tmp_path / "texts.jsonl")
    assert sorted(found) == [(i, g) for i in range(len(PROMPTS)) for g in range(2)]
    for (index, _), row in found.items():
        assert tuple(row) == ("index", "id", *KEYS)
        assert (row["id"], row["prompt"]) == (str(index + 1), PROMPTS[index])
        assert len(row["tokens"]) == len(row["entropy"]) <= 11
        assert row["finish_reason"] == ("stop" if row["tokens"][-1] == 1 else "length")
    given = "the cat", "--model", tiny, "--json", "-n", "2", *FLAGS[:2], *FLAGS[4:]
    for line in cli("generate", *given).out.splitlines():
        drawn = json.loads(line)
        same = [key for key in KEYS if key not in KEYS[-3:]]
        row = found[0, drawn["sample"]]
        assert {key: row[key] for key in same} == {key: drawn[key] for key in same}
        assert row["logprobs"] == pytest.approx(drawn["logprobs"], abs=1e-5)  # sums in other orders


def test_a_whole_file_is_left_alone(batch, tmp_path):
    batch("-n", "2")
    before = (tmp_path / "texts.jsonl").read_bytes()
    again = batch("-n", "2")
    assert (
        again.status == 0 and "14 texts in" in again.err and "14 of them from before" in again.err
    )
    assert (tmp_path / "texts.jsonl").read_bytes() == before


@pytest.mark.slow
def test_slots_change_nothing(batch, tmp_path):
    batch()
    batch("--slots", "2", out="two.jsonl")
    assert tokens(tmp_path / "two.jsonl") == tokens(tmp_path / "texts.jsonl")


def test_a_common_begin_changes_nothing(batch, tmp_path, monkeypatch):
    begins = []
    found = jaxsample.read_common
    monkeypatch.setattr(
        jaxsample, "read_common", lambda *given, **how: begins.append(found(*given, **how))
    )
    begin = " ".join(["the cat ran ."] * 5)
    prompts = [f"{begin} {more}" for more in ("the", "a dog", "big")]
    batch(data=written(tmp_path, prompts))
    monkeypatch.undo()
    assert begins[0].position.tolist() == [21]  # with the bos
    batch(data=written(tmp_path, prompts), out="read.jsonl")
    assert tokens(tmp_path / "read.jsonl") == tokens(tmp_path / "texts.jsonl")


@pytest.mark.parametrize("cut", [1, 30])
def test_what_is_missing_is_drawn_and_a_torn_line_dropped(batch, tmp_path, cut):
    batch("-n", "2", out="whole.jsonl")
    batch("-n", "2")
    path = tmp_path / "texts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[2:7]) + lines[0][:-cut])
    run = batch("-n", "2")
    assert run.status == 0 and "5 of them from before" in run.err
    assert path.read_bytes().splitlines(keepends=True)[:5] == lines[2:7]
    assert tokens(path) == tokens(tmp_path / "whole.jsonl")


def test_prompts_and_samples_may_be_added(batch, tmp_path):
    batch("-n", "2", out="whole.jsonl")
    for more in (["--limit", "3"], ["-n", "2", "--limit", "3"], ["-n", "2"]):
        assert batch(*more).status == 0
    assert tokens(tmp_path / "texts.jsonl") == tokens(tmp_path / "whole.jsonl")
    refused(batch("-n", "2", "--limit", "3"), "prompts 7, now 3")
    refused(batch(), "samples 2, now 1")


OTHER = [
    (["--seed", "8"], ["seed 7, now 8"]),
    (["--temperature", "0.8"], ["sampler chain(Temperature(value=0.9)), now chain(Temp"]),
    (["--max-new-tokens", "12"], ["max_new_tokens 11, now 12"]),
    (["--stop", "cat"], ['stop [], now ["cat"]']),
    (["--max-length", "40"], ["max_length 48, now 40"]),
]


def test_a_file_of_other_settings_is_refused(batch, tmp_path):
    batch("--limit", "3")
    path = tmp_path / "texts.jsonl"
    before = path.read_bytes()
    for flags, words in OTHER:
        run = batch("--limit", "3", *flags)
        refused(run, str(path), "begun with other settings", *words, "another --out")
    other = written(tmp_path, ["a cat", *PROMPTS[1:]], "other.jsonl")
    refused(batch(data=other), "the text of its prompts")
    settings = tmp_path / "texts.jsonl.settings.json"
    settings.write_text("{")
    refused(batch("--limit", "3"), str(settings), "restore")
    settings.unlink()
    refused(batch("--limit", "3"), str(path), "not empty", settings.name)
    assert path.read_bytes() == before


def test_a_damaged_row_is_named(batch, tmp_path):
    batch()
    path = tmp_path / "texts.jsonl"
    whole = tokens(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "\0\0\0\n", *lines[2:]]))
    refused(batch(), f"{path}, line 2 is damaged", "delete this line")
    path.write_text("".join([lines[0], *lines]))
    refused(batch(), f"{path}, line 2 is damaged", "are there already", "delete this line")
    path.write_text("".join([lines[0], *lines[2:]]))
    assert batch().status == 0
    assert tokens(path) == whole


def test_two_at_once_do_not_meet(batch, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with open(tmp_path / "texts.jsonl", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused(batch(), str(tmp_path / "texts.jsonl"), "in use by another process")


WRONG = {
    "not JSON": '{"prompt": "the cat"}\n\n{"prompt": \n',
    "no field 'prompt' among 'text'": '{"prompt": "the cat"}\n\n{"text": "a"}\n',
    "must be a text, got int": '{"prompt": "the cat"}\n\n{"prompt": 3}\n',
    "is empty": '{"prompt": "the cat"}\n\n{"prompt": " "}\n',
    "add --chat": '{"prompt": "the cat"}\n\n{"prompt": [{"role": "user"}]}\n',
    "no token of the prompt": '{"prompt": "the cat"}\n\n{"prompt": "quantum"}\n',
    "61 tokens, more than the 48": f'{{"prompt": "the cat"}}\n\n{{"prompt": "{"cat " * 60}"}}\n',
    "48 tokens, and 48 are the most": f'{{"prompt": "the cat"}}\n\n{{"prompt": "{"cat " * 47}"}}\n',
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_line_is_named_by_its_number(batch, tmp_path, reason):
    data = tmp_path / "wrong.jsonl"
    data.write_text(WRONG[reason])
    refused(batch(data=data), f"{data}, line 3: ", reason, "--skip-bad")
    assert not (tmp_path / "texts.jsonl").exists()
    run = batch("--skip-bad", "-n", "3", data=data)
    assert run.status == 0 and f"skipped line 3 of {data}: " in run.err
    assert len(rows(tmp_path / "texts.jsonl")) == 3


def test_other_formats_and_ids(batch, tmp_path):
    batch(out="whole.jsonl")
    text, table = tmp_path / "prompts.txt", tmp_path / "prompts.csv"
    text.write_text("\n".join(PROMPTS))
    table.write_text("name,q\n" + "".join(f"p{i},{q}\n" for i, q in enumerate(PROMPTS)))
    assert batch(data=text, out="text.jsonl").status == 0
    fields = "--prompt-field", "q", "--id-field", "name"
    assert batch(*fields, data=table, out="table.jsonl").status == 0
    whole = tokens(tmp_path / "whole.jsonl")
    assert tokens(tmp_path / "text.jsonl") == tokens(tmp_path / "table.jsonl") == whole
    assert {row["id"] for row in rows(tmp_path / "table.jsonl").values()} == {
        f"p{i}" for i in range(len(PROMPTS))
    }


def test_stop_strings_end_texts(batch, tmp_path):
    batch(out="whole.jsonl")
    whole = rows(tmp_path / "whole.jsonl")
    word = next(row["text"].split()[1] for row in whole.values() if len(row["text"].split()) > 2)
    assert batch("--stop", word).status == 0
    for place, row in rows(tmp_path / "texts.jsonl").items():
        before, found, _ = whole[place]["text"].partition(word)
        assert row["text"] == before
        assert row["finish_reason"] == ("stop" if found else whole[place]["finish_reason"])


@pytest.mark.slow
def test_conversations(batch, cli, tiny, tmp_path, monkeypatch):
    refused(batch("--chat"), "no chat template")
    opened = opening.open_model(tiny)
    checkpoint = opened.checkpoint._replace(
        chat_template=TEMPLATE, special_tokens={"bos_token": "<s>"}
    )
    for module in ("batch", "generate"):
        name = f"jaxsample.cli.{module}.open_model"
        monkeypatch.setattr(name, lambda *_: Source("tiny", checkpoint))
    turns = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "ran"}]
    data = tmp_path / "chats.jsonl"
    lines = {"prompt": "a dog"}, {"messages": [*turns, {"role": "user", "content": "and"}]}
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert batch("--chat", "--system", "big", data=data).status == 0
    found = rows(tmp_path / "texts.jsonl")
    assert found[0, 0]["prompt"] == "<s> big , a dog ,"
    assert found[1, 0]["prompt"] == "<s> big , the cat , ran big , and ,"
    given = "--chat", "--system", "big", "--json", *FLAGS[:2], *FLAGS[4:]
    drawn = json.loads(cli("generate", "a dog", "--model", tiny, *given).out)
    assert drawn["tokens"] == found[0, 0]["tokens"]
    data.write_text('{"messages": "the"}\n{"messages": []}\n')
    refused(batch("--chat", data=data, out="new.jsonl"), "line 1")


@pytest.mark.slow
def test_texts_that_break_off_are_counted(batch, tmp_path, monkeypatch):
    import jax
    import jax.numpy as jnp

    import jaxsample

    def broken(logits):
        return jnp.where(logits.argmax() % 2 == 0, jnp.nan, logits)

    monkeypatch.setattr(
        "jaxsample.cli.batch.sampler_of",
        lambda *_: jaxsample.chain(jaxsample.Function(broken)),
    )
    run = batch()
    assert run.status == 0 and "finish_reason is invalid" in run.err
    reasons = [row["finish_reason"] for row in rows(tmp_path / "texts.jsonl").values()]
    assert "invalid" in reasons
    jax.clear_caches()


@pytest.mark.parametrize("out", ["texts.csv", "nowhere/texts.jsonl", "folder.jsonl"])
def test_where_no_rows_can_be_written(batch, tmp_path, out):
    (tmp_path / "folder.jsonl").mkdir()
    refused(batch(out=out), "--out", out.split("/")[0])


COUNT = 420


@pytest.fixture
def arguments(tiny, tmp_path):
    """The arguments of a batch of some seconds, with COUNT texts."""

    def of(out):
        data = written(tmp_path, PROMPTS * 6, "many.jsonl")
        given = ["batch", "--data", data, "--out", out, "--model", tiny, "-n", "10", *FLAGS]
        return [str(one) for one in given]

    return of


SLOWLY = """
import time
from jaxsample.cli import rows_file
add = rows_file.RowsFile.add
def slowly(self, row):
    add(self, row)
    time.sleep(0.03)
rows_file.RowsFile.add = slowly
"""


@pytest.mark.parametrize(
    "end", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_batch_that_is_ended_is_resumed(cli, arguments, tmp_path, end):
    cut, whole = tmp_path / "cut.jsonl", tmp_path / "whole.jsonl"
    process = start(SLOWLY + COMMAND.format(arguments=arguments(cut)))
    while not cut.exists() or cut.stat().st_size < 20_000:
        assert process.poll() is None, finish(process)
        time.sleep(0.01)
    process.send_signal(end)
    _, err = finish(process)
    if end == signal.SIGINT:
        assert process.returncode == 130
        last = "jaxsample: interrupted; the same command resumes where this one stopped\n"
        assert err.endswith(last)
        assert cut.read_bytes().endswith(b"\n")
    assert 0 < cut.read_bytes().count(b"\n") < COUNT
    assert cli(*arguments(cut)).status == 0
    assert cli(*arguments(whole)).status == 0
    assert tokens(cut) == tokens(whole) and len(tokens(cut)) == COUNT


FULL = """
import resource
from jaxsample.cli import rows_file
add = rows_file.RowsFile.add
def limited(self, row):  # compiled programs are written to the cache before the first row
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, 20_001))
    add(self, row)
rows_file.RowsFile.add = limited
"""


@pytest.mark.slow
def test_a_batch_on_a_full_disk_is_resumed(cli, arguments, tmp_path):
    cut = tmp_path / "cut.jsonl"
    process = start(FULL + COMMAND.format(arguments=arguments(cut)))
    _, err = finish(process)
    assert process.returncode == 2 and "Traceback" not in err, err
    assert f"jaxsample: {cut}: File too large" in err
    assert cut.stat().st_size == 20_001, "the disk is full in the middle of a row"
    assert cli(*arguments(cut)).status == 0
    assert len(rows(cut)) == COUNT


NONSENSE = [
    (["--temperature", "-1"], ["--temperature", "-1.0"]),
    (["--slots", "0"], ["--slots"]),
    (["-n", "0"], ["-n"]),
    (["--seed", "-1"], ["--seed"]),
    (["--max-length", "1000"], ["--max-length", "48 positions"]),
    (["--limit", "0"], ["--limit"]),
    (["--beams", "2"], ["--beams"]),
    (["--system", "big"], ["--system", "--chat"]),
]


@pytest.mark.parametrize("flags, words", NONSENSE)
def test_wrong_flags(batch, flags, words):
    refused(batch(*flags), *words)
