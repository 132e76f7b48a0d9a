"""The files of a folder that speak of text: tokenizer, chat template, special tokens."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

from ._errors import CheckpointError
from ._json import read_json
from ._pointers import refuse_pointer
from ._schema import Kind, Schema


class Texts(NamedTuple):
    """The part of a checkpoint that speaks of text; its fields are those of `Checkpoint`."""

    tokenizer: Any
    chat_template: str | None
    special_tokens: dict[str, str]


def read_texts(folder: pathlib.Path) -> Texts:
    """Read tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja.

    Each of them may be absent.

    Raises:
        CheckpointError: a file is damaged.
        ImportError: there is a tokenizer.json, but tokenizers is not installed.
    """
    config = read_json(folder / "tokenizer_config.json", _TOKENIZER_CONFIG) or {}
    older = read_json(folder / "special_tokens_map.json", {}) or {}
    special = _special_tokens(older) | _special_tokens(config)
    return Texts(_tokenizer(folder), _chat_template(folder, config), special)


def tokenizers_package(purpose: str):
    """Import the tokenizers package; its error names what needs it."""
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(f"{purpose} needs tokenizers: pip install 'jaxsample[models]'") from error
    return tokenizers


def _tokenizer(folder: pathlib.Path):
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    refuse_pointer(file)
    package = tokenizers_package("reading tokenizer.json")
    try:
        tokenizer = package.Tokenizer.from_file(str(file))
    except Exception as error:
        raise CheckpointError(f"{file}: not a tokenizer ({error}); download it again") from error
    # A tokenizer may be saved with the settings of its training; prompts are not cut nor padded.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _chat_template(folder: pathlib.Path, config: dict[str, Any]) -> str | None:
    """Return the template, where a file of its own comes before the tokenizer's config."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        refuse_pointer(file)
        try:
            return file.read_text(encoding="utf-8")
        except ValueError as error:
            raise CheckpointError(f"{file}: not UTF-8 ({error}); download it again") from error
    template = config.get("chat_template")
    if isinstance(template, list):
        return {entry["name"]: entry["template"] for entry in template}.get("default")
    return template


def _special_tokens(fields: dict[str, Any]) -> dict[str, str]:
    """Return the texts of fields such as `bos_token`, which are a text or an object with one."""
    found = {}
    for key, value in fields.items():
        text = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(text, str):
            found[key] = text
    return found


def _template(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list)
        and all(
            isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("template"), str)
            for entry in value
        )
    )


_TOKENIZER_CONFIG: Schema = {
    "chat_template": Kind("a text, or a list of objects with a name and a template", _template)
}
