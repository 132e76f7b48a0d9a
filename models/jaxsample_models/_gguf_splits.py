"""The regular expressions by which llama.cpp's pre-tokenizers split text before byte-level BPE.

They follow src/llama-vocab.cpp of llama.cpp and the tokenizer.json of the models it names.
"""

from __future__ import annotations

_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_START = r"[^\r\n\p{L}\p{N}]?"


def _words(digits: str) -> str:
    return rf"{_SUFFIX}|{_START}\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"


def _cased(suffix: str, digits: str) -> str:
    return (
        rf"{_START}{_UPPER}*{_LOWER}+{suffix}|{_START}{_UPPER}+{_LOWER}*{suffix}|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
    )


_LLAMA3 = (_words(r"\p{N}{1,3}"),)
_QWEN2 = (_words(r"\p{N}"),)
_QWEN35 = (
    rf"{_SUFFIX}|{_START}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_SPACES}",
)
_DIGITS = (r"\p{N}", _GPT2)
_TEKKEN = (_cased("", r"\p{N}"),)
_GPT4O = (_cased(f"{_SUFFIX}?", r"\p{N}{1,3}"),)
_FALCON = (r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, r"[0-9][0-9][0-9]")
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")

SPLITS: dict[str, tuple[str, ...]] = {
    "default": _DEFAULT,
    "falcon": _FALCON,
    "tekken": _TEKKEN,
    "qwen35": _QWEN35,
    **dict.fromkeys(
        "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 dbrx smaug-bpe glm4 "
        "chatglm-bpe".split(),
        _LLAMA3,
    ),
    **dict.fromkeys(
        "qwen2 deepseek-r1-qwen kormo megrez stablelm2 hunyuan solar-open grok-2".split(), _QWEN2
    ),
    **dict.fromkeys(
        "gpt-2 phi-2 mpt olmo jais trillion granite-docling exaone4 gigachat a.x-4.0 mellum "
        "modern-bert".split(),
        (_GPT2,),
    ),
    **dict.fromkeys(
        "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2".split(), _DIGITS
    ),
    **dict.fromkeys("gpt-4o llama4 kanana2 minimax-m2".split(), _GPT4O),
}

# A word that is a token stays whole whatever the merges say, and texts begin with the bos unless
# the file says otherwise.
WHOLE_WORDS = frozenset(
    "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 tekken".split()
)
