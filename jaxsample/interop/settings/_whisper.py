"""The prompt of Whisper's decoder, from its generation config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxsample.interop.settings._generation_config import FILE, WHAT
from jaxsample.interop.settings._sources import Source, opened
from jaxsample.interop.settings._transformers_table import TABLE

Fields = Mapping[str, Any]


def decoder_prompt(config: Source, language: str | None = None) -> list[int]:
    """Return the prompt with which Whisper's decoder begins.

    It is that of transformers 5: `decoder_start_token_id`, the language, the task, and
    `no_timestamps_token_id` if the config has it and does not ask for time stamps. If a language is
    given, here or in the config, or the config has a `task`, they replace `forced_decoder_ids`, and
    the task is to transcribe by default.

    Args:
        config: as for `from_generation_config`.
        language: a name in `lang_to_id`, such as `<|en|>` or `en`; it overrides that of the config.
            Where neither names one, transformers lets the model choose.

    Raises:
        ValueError, FileNotFoundError: as for `from_generation_config`, and if no language is given
            and the config has many, if the language or task is unknown, if places of
            `forced_decoder_ids` are missing, or if a token is no whole number.

    Reference: https://github.com/huggingface/transformers, generation_whisper.py

    >>> whisper = {"decoder_start_token_id": 50258, "lang_to_id": {"<|en|>": 50259},
    ...            "task_to_id": {"transcribe": 50359}, "no_timestamps_token_id": 50363}
    >>> decoder_prompt(whisper, "en")
    [50258, 50259, 50359, 50363]
    """
    with opened(config, WHAT, TABLE, FILE) as fields:
        if "decoder_start_token_id" not in fields:
            raise ValueError("there is no decoder_start_token_id")
        start = _token("decoder_start_token_id", fields["decoder_start_token_id"])
        chosen = fields.get("language") if language is None else language
        task = fields.get("task")
        rest = _forced(fields) if chosen is None and task is None else []
        if chosen is not None:
            rest = [_language(fields, chosen)]
        elif "lang_to_id" in fields and rest[:1] in ([], [None]):
            raise ValueError(f"the language is open; pass one of {_names(fields, 'lang_to_id')}")
        if task is not None or (chosen is not None and "task_to_id" in fields):
            name = "transcribe" if task is None else task
            rest.append(_named(fields, "task_to_id", name, name))
        prompt = [start, *(token for token in rest if token is not None)]
        if "no_timestamps_token_id" in fields and not fields.get("return_timestamps"):
            last = _token("no_timestamps_token_id", fields["no_timestamps_token_id"])
            prompt += [last] if prompt[-1] != last else []
        return prompt


def _token(name: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be a token id, got {value!r}")
    return value


def _forced(fields: Fields) -> list[int | None]:
    """Return the tokens of forced_decoder_ids from place 1 on; None leaves the language open."""
    found: list[int | None] = []
    pairs = fields.get("forced_decoder_ids", [])
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise ValueError(f"forced_decoder_ids must be pairs of a place and a token, got {pairs!r}")
    for place, token in pairs:
        if place != len(found) + 1:
            raise ValueError(f"forced_decoder_ids has no entry for place {len(found) + 1}")
        found.append(None if token is None else _token("forced_decoder_ids", token))
    return found


def _language(fields: Fields, language: Any) -> int:
    """Return the token of a language, which may be written without its bars."""
    if not isinstance(language, str):
        raise ValueError(f"language must be one text, got {language!r}")
    low = language.lower()
    return _named(fields, "lang_to_id", low if low.startswith("<|") else f"<|{low}|>", language)


def _named(fields: Fields, table: str, name: Any, given: Any) -> int:
    known = fields.get(table, {})
    if not isinstance(known, Mapping) or not isinstance(name, str) or name not in known:
        raise ValueError(f"{given!r} is none of {_names(fields, table)}")
    return _token(f"{table}: {name}", known[name])


def _names(fields: Fields, table: str) -> str:
    """Return the first names of a table, for messages."""
    known = fields.get(table, {})
    if not isinstance(known, Mapping):
        raise ValueError(f"{table} must be an object, got {known!r}")
    return f"{table} ({', '.join(list(known)[:4])}, ..)"
