"""Prompts from an argument, a pipe and a file."""

import contextlib
import sys

import pytest

from jaxsample.cli.prompt import read_prompt


@pytest.fixture
def piped(tmp_path, monkeypatch):
    """Make standard input a file that holds some bytes."""

    with contextlib.ExitStack() as stack:

        def pipe(content):
            path = tmp_path / "stdin"
            path.write_bytes(content)
            monkeypatch.setattr(sys, "stdin", stack.enter_context(path.open()))

        yield pipe


@pytest.mark.parametrize(
    "content, text",
    [
        (b"a cat\n", "a cat"),
        (b"a cat\r\n", "a cat"),
        (b"a cat", "a cat"),
        (b"one\ntwo\n\n", "one\ntwo\n"),
        ("\ufeffé".encode(), "é"),
        (b"", ""),
    ],
)
def test_text_of_a_pipe_and_of_a_file(piped, tmp_path, content, text):
    piped(content)
    assert read_prompt(None, None) == text
    piped(content)
    assert read_prompt("-", None) == text
    path = tmp_path / "prompt.txt"
    path.write_bytes(content)
    assert read_prompt(None, path) == text


def test_an_argument_or_a_file_leaves_the_pipe_unread(piped, tmp_path):
    piped(b"unread")
    assert read_prompt("a cat", None) == "a cat"
    path = tmp_path / "prompt.txt"
    path.write_text("a dog")
    assert read_prompt(None, path) == "a dog"
    assert sys.stdin.read() == "unread"


def test_without_a_pipe_there_is_no_prompt(monkeypatch):
    with open("/dev/null") as nothing:
        for stdin in (None, nothing):
            monkeypatch.setattr(sys, "stdin", stdin)
            assert read_prompt(None, None) is None


def test_a_prompt_given_twice_or_not_in_utf_8_is_refused(piped, tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_bytes("é".encode("utf-16"))
    with pytest.raises(ValueError, match="give one of them"):
        read_prompt("a cat", path)
    with pytest.raises(ValueError, match=r"prompt\.txt: not UTF-8 at byte 1; convert"):
        read_prompt(None, path)
    with pytest.raises(ValueError, match="PROMPT: not UTF-8 at character 3; convert"):
        read_prompt("a \udcff cat", None)
    piped(b"\xff")
    with pytest.raises(ValueError, match="standard input: not UTF-8"):
        read_prompt(None, None)


@pytest.mark.parametrize("command", ["generate", "explain"])
def test_commands_read_it(cli, tiny, tmp_path, piped, command):
    flags = ["--model", tiny, "--temperature", "0"]
    path = tmp_path / "prompt.txt"
    path.write_text("the cat\n")
    expected = cli(command, "the cat", *flags).out
    assert cli(command, "--prompt-file", path, *flags).out == expected
    piped(b"the cat\n")
    assert cli(command, *flags).out == expected
