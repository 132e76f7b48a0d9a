"""Requests for structured output, as automata over the tokens of a vocabulary."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxsample.interop.automaton._compile import from_json_schema, from_regex
from jaxsample.transforms.constraints._automaton import TokenAutomaton

GRAMMAR = "a grammar is not read here; compile it with from_grammar or interop.llguidance"
OBJECT = {"type": "object"}
# Fields of an object of structured outputs that change how it is enforced, not what is allowed.
ENFORCING = frozenset(
    "disable_fallback disable_additional_properties backend _backend _backend_was_auto".split()
)


class Schema(NamedTuple):
    """The JSON texts that a schema allows, with the pattern of white space inside them."""

    schema: Any
    whitespace: str = ""

    def automaton(self, vocabulary: Sequence[bytes | None], eos: Sequence[int]) -> TokenAutomaton:
        return from_json_schema(self.schema, vocabulary, eos, whitespace=self.whitespace)


class Pattern(NamedTuple):
    """The texts that a regular expression matches."""

    pattern: str

    def automaton(self, vocabulary: Sequence[bytes | None], eos: Sequence[int]) -> TokenAutomaton:
        return from_regex(self.pattern, vocabulary, eos)


Language = Schema | Pattern | None


def automata(
    forms: Mapping[str, str],
    fields: dict[str, Any],
    vocabulary: Sequence[bytes | None] | None,
    eos: Sequence[int],
) -> tuple[TokenAutomaton, ...]:
    """Take the settings of structured output out of a request, and return the automaton they need.

    Args:
        forms: for each setting its kind, a key of `KINDS`.
        fields: the settings of the request.
        vocabulary, eos: as for `from_regex`; None and () if there are none.

    Raises:
        ValueError: if there are several forms, if one has no automaton, or if there is no
            vocabulary or eos. The message names the setting.
    """
    space = fields.pop("guided_whitespace_pattern", "")
    found: dict[str, Schema | Pattern] = {}
    for name in [name for name in forms if name in fields]:
        try:
            language = KINDS[forms[name]](fields.pop(name))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if language is not None:
            found[name] = language
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise ValueError(f"an output has one form, but {names} ask for {len(found)}; give one")
    for name, language in found.items():
        if vocabulary is None:
            raise ValueError(f"{name} needs vocabulary=vocabulary_of(tokenizer)")
        if not eos:
            raise ValueError(f"{name} needs eos, with which its texts end")
        if space and isinstance(language, Schema):
            language = language._replace(whitespace=space)
        return (language.automaton(vocabulary, eos),)
    return ()


def _schema(value: Any) -> Language:
    schema = json.loads(value) if isinstance(value, str) else value
    if not isinstance(schema, Mapping):
        raise ValueError(f"a schema is an object, got {value!r}")
    return Schema(schema)


def _object(value: Any) -> Language:
    if not isinstance(value, bool):
        raise ValueError(f"it must be true or false, got {value!r}")
    return Schema(OBJECT) if value else None


def _regex(value: Any) -> Language:
    if not isinstance(value, str):
        raise ValueError(f"regex must be a text, got {value!r}")
    return Pattern(value)


def _choice(value: Any) -> Language:
    texts = isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)
    if not (texts and value):
        raise ValueError(f"choice must be a list of texts, got {value!r}")
    literals = (re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text) for text in value)
    return Pattern("|".join(literals))


def _schema_or(*objects: Any) -> Callable[[Any], Language]:
    """Return the reader of schemas in which some values mean any JSON object."""
    return lambda value: Schema(OBJECT) if value in objects else _schema(value)


def _format(value: Any) -> Language:
    """Return the language of Ollama's `format`: "json", or a schema."""
    if isinstance(value, str) and value not in ("", "json"):
        raise ValueError(f'it must be "json" or a schema, got {value!r}')
    return {"": None, "json": Schema(OBJECT)}[value] if isinstance(value, str) else _schema(value)


def _response(value: Any) -> Language:
    """Return the language of a `response_format`, an object with a type."""
    kind = value.get("type") if isinstance(value, Mapping) else value
    if kind == "text":
        return None
    if kind == "json_object":
        return _schema(value.get("schema", OBJECT) if isinstance(value, Mapping) else OBJECT)
    if kind != "json_schema" or not isinstance(value, Mapping):
        raise ValueError(f"type {kind!r} is not supported; give json_schema or json_object")
    inner = value.get("json_schema", value)
    if not isinstance(inner, Mapping):
        raise ValueError(f"json_schema must be an object, got {inner!r}")
    schema = inner.get("schema", inner.get("json_schema"))
    if schema is None:
        raise ValueError("it has no json_schema.schema")
    return _schema(schema)


def _one_of(value: Any) -> Language:
    """Return the language of an object that holds one kind of form and how to enforce it."""
    if not isinstance(value, Mapping):
        raise ValueError(f"it must be an object, got {value!r}")
    asked = {k: v for k, v in value.items() if v not in (None, False) and k not in ENFORCING}
    if space := asked.get("disable_any_whitespace"):
        raise ValueError(
            f"disable_any_whitespace={space!r} asks for white space that is not supported; "
            "give whitespace_pattern"
        )
    space = asked.pop("whitespace_pattern", "")
    for kind in asked:
        if kind in ("grammar", "structural_tag"):
            raise ValueError(f"{kind} is not supported: {GRAMMAR}")
    if len(asked) != 1 or not asked.keys() <= KINDS.keys():
        names = ", ".join(map(repr, asked)) or "none"
        raise ValueError(f"it must hold one of json, json_object, regex and choice, got {names}")
    kind, form = next(iter(asked.items()))
    language = KINDS[kind](form)
    return language._replace(whitespace=space) if isinstance(language, Schema) else language


# The kinds of settings, each with the function that reads a value; None asks for no form.
KINDS: dict[str, Callable[[Any], Language]] = {
    "json": _schema,
    "json_object": _object,
    "regex": _regex,
    "choice": _choice,
    "llama_schema": _schema_or({}, "{}"),
    "sglang_schema": _schema_or("$$ANY$$"),
    "format": _format,
    "response": _response,
    "one_of": _one_of,
}
