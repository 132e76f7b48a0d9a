"""Options that turn the lines of a file into conversations with examples."""

import pytest

from jaxsample.cli.inputs import PromptFlags
from jaxsample.study import Source
from tests.cli.test_chat import TEMPLATE
from tests.cli.test_slips import SETTING

DATA = 'mr,ref\n"a[cat]",the cat ran\n"a[dog]",the dog ran\n"a[cat]",a cat saw the dog\n'
SHOTS = 'mr,ref\n"the[cat]",big cat\n"the[dog]",big dog\n"the[big]",ran\n'


@pytest.fixture
def files(tmp_path):
    for name, text in (("data.csv", DATA), ("shots.csv", SHOTS), ("settings.toml", SETTING)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_lines_become_conversations_after_examples(files, tiny):
    from jaxsample.cli.opening import open_model

    checkpoint = open_model(tiny).checkpoint._replace(
        chat_template=TEMPLATE, special_tokens={"bos_token": "<s>"}
    )
    flags = PromptFlags(
        data=files / "data.csv", prompt="mr", reference="ref", without=None, id=None, split=None,
        limit=None, skip_bad=False, gather=True, chat=True, shots=files / "shots.csv", shot_count=1,
    )  # fmt: skip
    items = flags.items(Source("tiny", checkpoint), 32)
    assert [item.references for item in items] == [
        ("the cat ran", "a cat saw the dog"),
        ("the dog ran",),
    ]
    # The example is the middle line of its file; the tokenizer puts <s> before the text itself.
    assert items[0].prompt == " the[dog] , big dog big , a[cat] ,"
    assert items[0].without == " the[dog] , big dog big ,  ,"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--shots", "shots.csv"], "--shots belongs to a conversation; add --chat"),
        (["--system", "a"], "--system belongs to a conversation; add --chat"),
        (["--chat"], "tiny has no chat template"),
        (["--spread"], "give a limit"),
    ],
)
def test_options_that_do_not_fit_are_refused(cli, files, tiny, monkeypatch, given, message):
    monkeypatch.chdir(files)
    fields = "--prompt-field", "mr", "--reference-field", "ref"
    options = "--data", "data.csv", *fields, "--model", tiny, "--out", "out"
    run = cli("sweep", "settings.toml", *options, *given)
    assert run.status == 2 and message in run.err.replace("\n", " "), run.err


def test_a_conversation_needs_a_file_and_one_model(cli, files, tiny, monkeypatch):
    monkeypatch.chdir(files)
    run = cli("study", "creativity", "--out", "out", "--chat")
    assert run.status == 2 and "--chat needs prompts from a file" in run.err
    options = "--data", "data.csv", "--prompt-field", "mr", "--chat", "--out", "out"
    run = cli("study", "surface", "--model", tiny, "--model", tiny, *options)
    assert run.status == 2 and "give only one --model" in run.err
