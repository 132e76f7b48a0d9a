"""Tokenizers made from the metadata of GGUF files."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from jaxsample_models import load
from jaxsample_models._gguf_splits import SPLITS
from jaxsample_models._gguf_tokenizer import read_tokenizer

from . import families, gguf_files

NORMAL, UNKNOWN, CONTROL, ADDED, BYTE = 1, 2, 3, 4, 6
WORDS = "the cat sat on the mat; that's 1234 cats, THAT'S 56. Žluťoučký kůň  über 日本語\n\n"
TEXTS = [WORDS, "  the<|end|>čau at", "cat's 99999\t\n x", "😀 日本", ""]


def metadata_of(tokenizer, kinds, **fields):
    """Return the metadata of a byte-level BPE tokenizer."""
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    metadata = {
        "model": "gpt2",
        "tokens": tokens,
        "token_type": [kinds.get(token, NORMAL) for token in tokens],
        "merges": [" ".join(pair) for pair in model["merges"]],
        **fields,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in metadata.items()}


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "qwen2", "llama-bpe", "tekken", "gpt-4o"])
def test_byte_level(pre):
    ours = tokenizers.Tokenizer(models.BPE(ignore_merges=pre in ("llama-bpe", "tekken")))
    splits = [pre_tokenizers.Split(tokenizers.Regex(one), "isolated") for one in SPLITS[pre]]
    ours.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    ours.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False
    )
    ours.train_from_iterator([WORDS] * 3, trainer)
    ours.add_tokens([tokenizers.AddedToken("čau", normalized=False)])
    found = read_tokenizer(
        metadata_of(ours, {"<|end|>": CONTROL, "čau": ADDED}, pre=pre, bos_token_id=0)
    )
    begun = [0] if pre in ("llama-bpe", "tekken") else []
    for text in TEXTS:
        ids = ours.encode(text).ids
        assert found.encode(text).ids == begun + ids
        assert found.decode(ids) == ours.decode(ids)
    assert found.get_added_tokens_decoder().keys() == {0, ours.token_to_id("čau")}


@pytest.mark.parametrize(
    ("pre", "pieces"),
    [
        ("gpt-2", ["it", "'s", " 2026", "'", "LL", "  ", " x", "\n\n"]),
        ("smollm", ["it", "'s", " ", "2", "0", "2", "6", "'", "LL", "  ", " x", "\n\n"]),
        ("qwen2", ["it", "'s", " ", "2", "0", "2", "6", "'LL", "  ", " x", "\n\n"]),
        ("llama-bpe", ["it", "'s", " ", "202", "6", "'LL", "  ", " x", "\n\n"]),
        ("default", ["it", "'", "s", " ", "202", "6", "'", "LL", "  ", " x", "\n\n"]),
    ],
)
def test_splits(pre, pieces):
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(tokenizers.Regex(one), "isolated") for one in SPLITS[pre]]
    )
    assert [piece for piece, _ in split.pre_tokenize_str("it's 2026'LL   x\n\n")] == pieces


@pytest.mark.parametrize(
    ("pre", "pieces"),
    [
        ("deepseek-llm", "it|'|s| |2026|,| Ž|EN|漢字かな|，|x|!| |\n|\n"),
        ("deepseek-coder", "it|'|s| |2|0|2|6|,| ŽEN|漢字かな|，|x|!| |\n|\n"),
        ("deepseek-v3", "it|'s| |202|6|,| ŽEN|漢字かな|，|x|!| \n\n"),
        ("bloom", "it's| 2026|,| ŽEN漢字かな|，|x|! \n\n"),
        ("viking", "it's| |2|0|2|6|,| ŽEN漢字かな|，|x|! \n\n"),
        ("bailingmoe", "it|'s| |2|0|2|6|,| ŽEN漢字かな|，x|!| \n\n"),
        ("seed-coder", "it|'s| |2|0|2|6|,| ŽEN漢字かな|，x|!| \n\n"),
        ("exaone-moe", "it|'s| |2|0|2|6|,| ŽEN漢字かな|，x|!| \n\n"),
    ],
)
def test_splits_of_other_scripts(pre, pieces):
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(tokenizers.Regex(one), "isolated") for one in SPLITS[pre]]
    )
    text = "it's 2026, ŽEN漢字かな，x! \n\n"
    assert [piece for piece, _ in split.pre_tokenize_str(text)] == pieces.split("|")


PIECES = "▁ a b c d ab ▁a ▁ab abc bc cd ▁abcd dd ddd é".split()
SCORES = dict(zip(PIECES, np.random.default_rng(3).permutation(len(PIECES)) * -1.0, strict=True))
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def sentencepiece(**fields):
    tokens = ["<unk>", "<s>", "</s>", *BYTES, *PIECES, "<|own|>"]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(PIECES) + [ADDED]
    metadata = {
        "model": "llama",
        "tokens": tokens,
        "scores": [SCORES.get(token, 0.0) for token in tokens],
        "token_type": kinds,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "unknown_token_id": 0,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in (metadata | fields).items()}


def merged(text):
    """Split a text as llama.cpp does: join the first neighbours of the best score."""
    parts = list(text)
    while True:
        pairs = [
            (SCORES[a + b], -i)
            for i, (a, b) in enumerate(zip(parts, parts[1:], strict=False))
            if a + b in SCORES
        ]
        if not pairs:
            return parts
        i = -max(pairs)[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


@pytest.mark.parametrize("prefix", [True, False])
def test_sentencepiece(prefix):
    metadata = sentencepiece(add_space_prefix=prefix)
    found, random = read_tokenizer(metadata), np.random.default_rng(0)
    tokens = metadata["tokenizer.ggml.tokens"]
    ids = {token: i for i, token in enumerate(tokens)}
    for _ in range(100):
        text = "".join(random.choice(list("abcdé ñ"), 12))
        expected = [1]
        for part in merged(("▁" if prefix else "") + text.replace(" ", "▁")):
            known = [ids[part]] if part in SCORES else [ids[BYTES[b]] for b in part.encode()]
            expected += known
        assert found.encode(text).ids == expected
        assert found.decode(expected) == text


def test_special_tokens_of_sentencepiece():
    found = read_tokenizer(sentencepiece(add_bos_token=False, add_eos_token=True))
    assert found.encode("<s>ab<|own|>").tokens == ["<s>", "▁ab", "<|own|>", "</s>"]
    assert found.decode(found.encode("<s>ab<|own|>").ids) == "ab<|own|>"


def test_unigram():
    metadata = sentencepiece(model="t5", token_type=None)
    del metadata["tokenizer.ggml.token_type"]
    scores = {"▁": -2.0, "a": -2.0, "b": -2.0, "ab": -3.0, "▁ab": -6.0, "abc": -9.0, "c": -2.0}
    metadata["tokenizer.ggml.scores"] = [
        scores.get(token, -50.0) for token in metadata["tokenizer.ggml.tokens"]
    ]
    found = read_tokenizer(metadata)
    assert found.encode("abc").tokens == ["▁", "ab", "c", "</s>"]


def test_gemma_orders_merges_by_place():
    metadata = sentencepiece(add_space_prefix=False) | {"general.architecture": "gemma2"}
    metadata["tokenizer.ggml.tokens"][-1] = "   "
    found = read_tokenizer(metadata)
    assert SCORES["cd"] > SCORES["bc"] and PIECES.index("bc") < PIECES.index("cd")
    assert found.encode("bcd").tokens[1:] == ["bc", "d"]
    assert found.token_to_id("▁▁▁") == len(metadata["tokenizer.ggml.tokens"]) - 1


def test_gemma4_merges_lines_and_runs_of_newlines():
    metadata = sentencepiece(model="gemma4", merges=["a b", "▁ ab", "c d", "ab c"])
    tokens = metadata["tokenizer.ggml.tokens"]
    tokens += ["\n", "\n\n", "\n\n\n"]
    metadata["tokenizer.ggml.token_type"] += [NORMAL] * 3
    del metadata["tokenizer.ggml.scores"]
    found = read_tokenizer(metadata | {"tokenizer.ggml.add_bos_token": True})
    ids = found.encode("abc ab\n\n\ncd\n<|own|>é ñ")
    expected = ["<s>", "abc", "▁ab", "\n\n\n", "cd", "\n", "<|own|>", "é", "▁"]
    assert ids.tokens == [*expected, "<0xC3>", "<0xB1>"]
    assert found.decode(ids.ids) == "abc ab\n\n\ncd\n<|own|>é ñ"


def test_a_file_with_a_tokenizer(tmp_path):
    tokens = ["?", "ta", "t", "a", *map(str, range(55)), "<|im_end|>", "<|end|>"]
    extra = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [NORMAL] * 59 + [CONTROL] * 2,
        "tokenizer.ggml.merges": ["t a"],
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.eot_token_id": 60,
        "tokenizer.ggml.unknown_token_id": 2**32 - 1,  # none, as some writers put it
        "tokenizer.chat_template": "{{ messages }}",
    }
    folder = families.write("llama", tmp_path)
    loaded = load(gguf_files.write(folder, tmp_path / "model.gguf", extra=extra.items()))
    assert loaded.tokenizer.encode("ta<|end|>a").ids == [1, 60, 3]
    assert loaded.generation_config == {
        "bos_token_id": 1,
        "eos_token_id": [2, 60, 59],
        "pad_token_id": 0,
    }
    assert loaded.chat_template == "{{ messages }}"
    assert loaded.special_tokens == {"bos_token": "ta", "eos_token": "t", "pad_token": "?"}


@pytest.mark.parametrize("pre", ["superbpe", 7])
def test_an_unknown_pre_tokenizer(pre):
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [],
        "tokenizer.ggml.pre": pre,
    }
    with pytest.raises(ValueError, match=f"pre-tokenizer {pre!r}; supported are"):
        read_tokenizer(metadata)


def test_a_file_without_a_vocabulary():
    assert read_tokenizer({"tokenizer.ggml.model": "none"}) is None
    assert read_tokenizer({}) is None
