"""The tokenizer that the metadata of a GGUF file describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._gguf_splits import SPLITS, WHOLE_WORDS
from ._json import short
from ._tokenizer_files import tokenizers_package

_NORMAL, _UNKNOWN, _CONTROL, _ADDED, _BYTE = 1, 2, 3, 4, 6  # kinds of tokens
_SPACE = "\u2581"


def read_tokenizer(metadata: Mapping[str, Any]) -> Any:
    """Make a `tokenizers.Tokenizer`, or return None if the file holds no vocabulary.

    Raises:
        ImportError: tokenizers is not installed.
        ValueError: the kind of tokenizer or its pre-tokenizer is not supported.
    """
    found = {
        key.removeprefix("tokenizer.ggml."): value
        for key, value in metadata.items()
        if key.startswith("tokenizer.ggml.")
    }
    kind = found.get("model", "none")
    if kind == "none":
        return None
    makers = {"gpt2": _byte_level, "llama": _sentencepiece, "gemma4": _gemma4, "t5": _unigram}
    if kind not in makers:
        raise ValueError(f"model {short(kind)}; supported are {', '.join(makers)}")
    found.setdefault("token_type", [_NORMAL] * len(found["tokens"]))
    gemma = str(metadata.get("general.architecture")).startswith("gemma")
    if gemma and kind == "llama":
        # Runs of spaces are stored as such, and scores do not order Gemma's merges: places do.
        found["tokens"] = [
            _SPACE * len(token) if not token.strip(" ") else token for token in found["tokens"]
        ]
        found["scores"] = [-float(i) for i in range(len(found["tokens"]))]
    tokenizer = makers[kind](found)
    _add_tokens(tokenizer, found)
    _add_ends(tokenizer, found)
    return tokenizer


def _byte_level(found: Mapping[str, Any]):
    tokenizers = _package()
    name = found.get("pre", "default")
    if name not in SPLITS:
        raise ValueError(f"pre-tokenizer {short(name)}; supported are {', '.join(SPLITS)}")
    pre = tokenizers.pre_tokenizers
    splits = [pre.Split(tokenizers.Regex(regex), "isolated") for regex in SPLITS[name]]
    merges = [tuple(merge.split(" ")) for merge in found["merges"]]
    model = tokenizers.models.BPE(
        _vocabulary(found), merges, ignore_merges=name in WHOLE_WORDS, fuse_unk=False
    )
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre.Sequence(
        [*splits, pre.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return tokenizer


def _sentencepiece(found: Mapping[str, Any]):
    tokenizers = _package()
    vocabulary = _vocabulary(found)
    merges = (
        [tuple(merge.split(" ")) for merge in found["merges"]]
        if "merges" in found
        else _merges(vocabulary, found)
    )
    model = tokenizers.models.BPE(
        vocabulary,
        merges,
        unk_token=_unknown(found),
        fuse_unk=True,
        byte_fallback=_has_bytes(found),
    )
    return _spaced(tokenizers.Tokenizer(model), found)


def _gemma4(found: Mapping[str, Any]):
    """Make a tokenizer whose merges do not reach from a line over the newlines after it."""
    pre, known = _package().pre_tokenizers, set(found["tokens"])
    runs = sorted((token for token in known if token and not token.strip("\n")), key=len)
    # A run of newlines that is a token stays whole, though files have no merges for it.
    whole = [f"{run[:i]} {run[i:]}" for run in runs for i in range(1, len(run))]
    whole = [merge for merge in whole if known.issuperset(merge.split(" "))]
    found = {"add_space_prefix": False, **found, "merges": whole + found["merges"]}
    tokenizer = _sentencepiece(found)
    tokenizer.pre_tokenizer = pre.Split(_package().Regex(r"[^\n]+|\n+"), "isolated")
    return tokenizer


def _unigram(found: Mapping[str, Any]):
    tokenizers = _package()
    pieces = list(zip(found["tokens"], map(float, found["scores"]), strict=True))
    model = tokenizers.models.Unigram(pieces, found.get("unknown_token_id"), _has_bytes(found))
    return _spaced(tokenizers.Tokenizer(model), found)


def _spaced(tokenizer: Any, found: Mapping[str, Any]):
    """Write spaces as sentencepiece does, with one before the text unless the file denies it."""
    tokenizers = _package()
    first, decoders = tokenizers.normalizers, tokenizers.decoders
    prefix = found.get("add_space_prefix", True)
    tokenizer.normalizer = first.Sequence(
        [first.Prepend(_SPACE)] * prefix + [first.Replace(" ", _SPACE)]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
        + [decoders.Strip(" ", 1, 0)] * prefix
    )
    return tokenizer


def _merges(vocabulary: Mapping[str, int], found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every way to put a token together from two others, the best token first."""
    ranked = []
    for token, score, kind in zip(
        found["tokens"], found["scores"], found["token_type"], strict=True
    ):
        if kind in (_NORMAL, _ADDED):
            halves = ((token[:i], token[i:]) for i in range(1, len(token)))
            ranked += [
                (score, len(left), left, right)
                for left, right in halves
                if left in vocabulary and right in vocabulary
            ]
    ranked.sort(key=lambda merge: merge[:2], reverse=True)
    return [(left, right) for *_, left, right in ranked]


def _add_tokens(tokenizer: Any, found: Mapping[str, Any]) -> None:
    """Keep special tokens and a user's own whole wherever a text spells them."""
    added = _package().AddedToken
    pairs = [pair for pair in zip(found["tokens"], found["token_type"], strict=True) if pair[0]]
    tokenizer.add_special_tokens(
        [added(token, normalized=False) for token, kind in pairs if kind in (_UNKNOWN, _CONTROL)]
    )
    tokenizer.add_tokens(
        [
            added(token, normalized=False)
            for token, kind in pairs
            if kind == _ADDED and token.strip(_SPACE)  # a text has spaces in place of these
        ]
    )


def _add_ends(tokenizer: Any, found: Mapping[str, Any]) -> None:
    """Let every text begin with the bos and end with the eos where the file says so."""
    sentencepiece = found["model"] == "llama"
    begins = found.get("add_bos_token", sentencepiece or found.get("pre") in WHOLE_WORDS)
    ends = found.get("add_eos_token", found["model"] == "t5")
    ids = {"bos": found.get("bos_token_id"), "eos": found.get("eos_token_id")}
    used = {
        name: found["tokens"][ids[name]]
        for name, wanted in (("bos", begins), ("eos", ends))
        if wanted and ids[name] is not None
    }
    if used:
        one = [used[name] for name in ("bos",) if name in used] + ["$A"]
        one += [used[name] for name in ("eos",) if name in used]
        tokenizer.post_processor = _package().processors.TemplateProcessing(
            single=one, special_tokens=[(token, ids[name]) for name, token in used.items()]
        )


def _package() -> Any:
    return tokenizers_package("the tokenizer of a GGUF file")


def _vocabulary(found: Mapping[str, Any]) -> dict[str, int]:
    return {token: i for i, token in enumerate(found["tokens"])}


def _unknown(found: Mapping[str, Any]) -> str | None:
    i = found.get("unknown_token_id")
    return None if i is None else found["tokens"][i]


def _has_bytes(found: Mapping[str, Any]) -> bool:
    return _BYTE in found["token_type"]
