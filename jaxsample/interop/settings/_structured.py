"""Requests for structured output, as automata over the tokens of a vocabulary."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxsample.interop.automaton._compile import from_json_schema, from_regex
from jaxsample.transforms.constraints._automaton import TokenAutomaton

# Fields of an object of structured outputs that change how it is enforced, not what is allowed.
ENFORCING = frozenset("disable_fallback backend _backend".split())


class Form(NamedTuple):
    """The form that an output must have.

    Attributes:
        source: the setting that asks for it.
        kind: "json", "regex" or "choice".
        value: a schema, a pattern, or a list of texts.
        whitespace: the pattern of white space inside JSON, or None.
    """

    source: str
    kind: str
    value: Any
    whitespace: str | None = None

    def automaton(
        self, vocabulary: Sequence[bytes | None] | None, eos: Sequence[int]
    ) -> TokenAutomaton:
        """Return the automaton of the form.

        Raises:
            ValueError: if there is no vocabulary or eos, or the form cannot be compiled.
        """
        if vocabulary is None:
            raise ValueError(f"{self.source} needs vocabulary=vocabulary_of(tokenizer)")
        if not eos:
            raise ValueError(f"{self.source} needs eos, with which its texts end")
        if self.kind == "json":
            if not isinstance(self.value, str | Mapping):
                raise ValueError(f"{self.source}: a schema is an object, got {self.value!r}")
            schema = json.loads(self.value) if isinstance(self.value, str) else self.value
            if self.whitespace is None:
                return from_json_schema(schema, vocabulary, eos)
            return from_json_schema(schema, vocabulary, eos, whitespace=self.whitespace)
        pattern = self.value if self.kind == "regex" else "|".join(map(_literal, self.value))
        return from_regex(pattern, vocabulary, eos)


def form_of(params: dict[str, Any]) -> Form | None:
    """Take the settings of structured output out of a request, and return the form they ask for.

    Raises:
        ValueError: if there are several, or one that no automaton expresses.
    """
    forms = []
    if (response := params.pop("response_format", None)) is not None:
        forms += _response(response)
    for name in ("structured_outputs", "guided_decoding"):
        if (asked := params.pop(name, None)) is not None:
            forms += _object(name, asked)
    space = params.pop("guided_whitespace_pattern", None)
    for kind in ("json", "regex", "choice", "grammar"):
        if (value := params.pop(f"guided_{kind}", None)) is not None:
            forms.append(asked_form(f"guided_{kind}", kind, value, space))
    if len(forms) > 1:
        names = ", ".join(form.source for form in forms)
        raise ValueError(f"an output has one form, but {names} ask for {len(forms)}")
    return forms[0] if forms else None


def _response(response: Any) -> list[Form]:
    kind = response.get("type") if isinstance(response, Mapping) else response
    if kind == "text":
        return []
    if kind == "json_schema":
        inner = response.get("json_schema", {})
        if not isinstance(inner, Mapping):
            raise ValueError(f"response_format: json_schema must be an object, got {inner!r}")
        schema = inner.get("schema", inner.get("json_schema"))
        if schema is None:
            raise ValueError("response_format has no json_schema.schema")
        return [Form("response_format", "json", schema)]
    raise ValueError(f"response_format of type {kind!r} is not supported; give a json_schema")


def _object(name: str, asked: Any) -> list[Form]:
    if not isinstance(asked, Mapping):
        raise ValueError(f"{name} must be an object, got {asked!r}")
    asked = {k: v for k, v in asked.items() if v not in (None, False) and k not in ENFORCING}
    if space := asked.get("disable_any_whitespace"):
        raise ValueError(
            f"{name}: disable_any_whitespace={space!r} asks for spaces that are not ours; "
            "give whitespace_pattern"
        )
    space = asked.pop("whitespace_pattern", None)
    if not asked:
        raise ValueError(f"{name} asks for no form; give json, regex or choice, or remove it")
    return [asked_form(name, kind, value, space) for kind, value in asked.items()]


def asked_form(source: str, kind: str, value: Any, space: str | None) -> Form:
    """Return a form; ValueError names the setting if no automaton expresses it."""
    if kind not in ("json", "regex", "choice"):
        raise ValueError(f"{source}: {kind} is not supported; give json, regex or choice")
    if kind == "regex" and not isinstance(value, str):
        raise ValueError(f"{source}: regex must be a text, got {value!r}")
    texts = isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)
    if kind == "choice" and not (texts and value):
        raise ValueError(f"{source}: choice must be a list of texts, got {value!r}")
    return Form(source, kind, value, space)


def _literal(text: str) -> str:
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)
