"""A transcript grows by whole characters."""

import numpy as np
import pytest

from jaxsample.interop import Transcript, cut


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


def byte_level():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


TEXTS = [
    "plain words, one after the other. " * 12,
    "family 👩‍👩‍👧‍👦 flag 🏳️‍🌈 thumbs 👍🏽 " * 5,
    "日本語のテキストと漢字。中文也可以。한국어 " * 4,
    "é́ àççents, naïve \t\n\n ends  ",
]


@pytest.mark.parametrize("text", TEXTS, ids=["words", "emoji", "cjk", "accents"])
def test_the_pieces_join_to_the_text(text, tokenizer):
    for kind, ids in (
        (byte_level(), byte_level().encode(text).ids),
        (tokenizer, [2, *of_bytes(text.encode()), 3]),
    ):
        for prompt in (0, 1, len(ids) // 2):
            grown = Transcript(kind, ids[:prompt])
            pieces = [grown.add(token) for token in ids[prompt:]] + [grown.rest()]
            assert "\ufffd" not in "".join(pieces[:-1])
            if prompt < 2:  # half of the ids may end within a character
                assert grown.prompt + "".join(pieces) == kind.decode(ids)


def test_invalid_bytes_are_written_as_the_decoder_writes_them():
    kind, rng = byte_level(), np.random.default_rng(0)
    letters = [kind.token_to_id(letter) for letter in sorted(kind.get_vocab())]
    for _ in range(30):
        ids = rng.choice(letters, 150).tolist()
        grown = Transcript(kind)
        assert "".join([*map(grown.add, ids), grown.rest()]) == kind.decode(ids)


def test_bytes_of_no_character_are_not_held_back_forever(tokenizer):
    grown = Transcript(tokenizer, [1, 2])
    shown = [grown.add(0xFF + 4) for _ in range(200)]
    assert len("".join(shown)) > 150
    assert grown.add(3).endswith(" you")


class Counting:
    """A tokenizer that counts the tokens it is asked to decode."""

    def __init__(self, tokenizer):
        self.tokenizer, self.count = tokenizer, 0

    def decode(self, ids, skip_special_tokens):
        self.count += len(ids)
        return self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)


@pytest.mark.parametrize("text", [TEXTS[0], TEXTS[1], "\ufffd", " "], ids=range(4))
def test_the_work_is_linear_in_the_text(text):
    counts = []
    for n in (2_000, 4_000):
        counting = Counting(byte_level())
        ids = counting.tokenizer.encode(text * (n // len(text) + 1)).ids[:n]
        grown = Transcript(counting)
        for token in ids:
            grown.add(token)
        counts.append(counting.count)
    assert counts[1] < 2.2 * counts[0]
    assert counts[1] < 200 * 4_000


@pytest.mark.parametrize("stop", ["cd", ["wzz", "wor"], ["ld", "rld"], "é!", ["zzz"]])
def test_the_text_ends_before_a_stop_string(stop):
    kind, text = byte_level(), "abcabcdab wor world é! more"
    grown = Transcript(kind, stop=stop)
    pieces = [grown.add(token) for token in kind.encode(text).ids] + [grown.rest()]
    assert "".join(pieces) == cut(text, stop)
    assert grown.stopped == (cut(text, stop) != text)


def test_the_string_that_ends_first_cuts_and_the_longest_of_several():
    assert cut("xabcd", ["abcd", "bc"]) == "xa"
    assert cut("xabcd", ["bcd", "abcd"]) == "x"
    assert cut("x", ["y"]) == "x"


def test_what_may_begin_a_stop_string_is_held_back():
    kind = byte_level()
    grown = Transcript(kind, stop=["cde"])
    assert [grown.add(t) for t in kind.encode("acdcdx").ids] == ["a", "", "", "cd", "", "cdx"]
    assert grown.add(kind.token_to_id("c")) == "" and grown.rest() == "c"


@pytest.mark.parametrize("stop", ["", ["a", ""]])
def test_an_empty_stop_string_is_refused(stop, tokenizer):
    with pytest.raises(ValueError, match="a character or more"):
        cut("abc", stop)
    with pytest.raises(ValueError, match="a character or more"):
        Transcript(tokenizer, [], stop)
