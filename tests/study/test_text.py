"""A transcript grows by whole characters."""

import pytest

from jaxsample.study.draw._text import Transcript


@pytest.fixture(scope="module")
def tokenizer():
    """A tokenizer of bytes and two words, like Llama's."""
    from tokenizers import Tokenizer, decoders, models

    vocab = {"<unk>": 0, "<s>": 1, "▁hello": 2, "▁you": 3}
    vocab |= {f"<0x{byte:02X}>": byte + 4 for byte in range(256)}
    tokenizer = Tokenizer(models.BPE(vocab, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return tokenizer


def of_bytes(text):
    return [byte + 4 for byte in text]


def test_the_first_space_is_stripped_once(tokenizer):
    text = Transcript(tokenizer, [1])
    assert text.prompt == ""
    assert [text.add(2), text.add(3)] == ["hello", " you"]


def test_a_character_of_four_tokens_comes_whole(tokenizer):
    text = Transcript(tokenizer, [1, 2])
    assert text.prompt == "hello"
    assert [text.add(t) for t in of_bytes("🙂".encode())] == ["", "", "", "🙂"]
    assert text.rest() == ""


def test_bytes_that_never_complete_are_shown_at_the_end(tokenizer):
    text = Transcript(tokenizer, [1, 2])
    first, second, _, _ = of_bytes("🙂".encode())
    assert [text.add(first), text.add(second)] == ["", ""]
    assert set(text.rest()) == {"\ufffd"}


def test_broken_bytes_do_not_hold_back_what_follows(tokenizer):
    text = Transcript(tokenizer, [1, 2])
    assert text.add(0xFF + 4) == ""
    assert text.add(3).endswith(" you")


def test_special_tokens_are_silent(tokenizer):
    text = Transcript(tokenizer, [1, 2])
    assert text.add(1) == ""
    assert text.add(3) == " you"
