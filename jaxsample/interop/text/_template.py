"""Chat templates: Jinja, in a sandbox, with the names that templates of models expect."""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

REASONING = "reasoning_content", "thinking", "reasoning"  # names that families gave one field


def render(template: str, messages: Any, tools: Any, variables: Mapping[str, Any]) -> str:
    """Return a conversation as the text that a template makes of it.

    Raises:
        ValueError: if the template is malformed, or refuses the conversation.
        ImportError: jinja2 is not installed.
    """
    jinja2 = _jinja2()
    given = {k: _plain(v) for k, v in variables.items()}
    turns = [_message(_plain(message)) for message in messages]
    try:
        return _compiled(template).render(messages=turns, tools=_plain(tools), **given)
    except jinja2.exceptions.TemplateSyntaxError as error:
        raise ValueError(f"chat template, line {error.lineno}: {error.message}") from error
    except (jinja2.exceptions.TemplateError, TypeError, ArithmeticError, LookupError) as error:
        raise ValueError(f"the chat template refused the messages: {error}") from error
    except RecursionError:  # without its long trace
        raise ValueError("a macro of the chat template calls itself without an end") from None


def _jinja2() -> Any:
    try:
        import jinja2.exceptions
        import jinja2.ext
        import jinja2.nodes
        import jinja2.sandbox
    except ImportError as error:
        raise ImportError("chat templates need jinja2: pip install 'jaxsample[chat]'") from error
    return jinja2


@functools.lru_cache(maxsize=16)
def _compiled(template: str) -> Any:
    jinja2 = _jinja2()

    class Generation(jinja2.ext.Extension):
        """`{% generation %}` marks the turns of the model; it writes its body."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            call = self.call_method("_body")
            return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

        def _body(self, caller: Any) -> str:
            return caller()

    class Namespace(jinja2.utils.Namespace):
        """A namespace without names that reach into Python."""

        def __init__(*args: Any, **kwargs: Any):  # without a name of ours, which may be a key
            attributes = dict(*args[1:], **kwargs)
            for name in attributes:
                _refuse_private(name)
            jinja2.utils.Namespace.__init__(args[0], attributes)

        def __setitem__(self, name: str, value: Any) -> None:
            _refuse_private(name)
            super().__setitem__(name, value)

    def refuse(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    def _refuse_private(name: Any) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(f"a namespace may not hold {name!r}")

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": refuse,
        "strftime_now": lambda form: datetime.datetime.now().strftime(form),
        "namespace": Namespace,
        "dict": _Dict(),
    }
    return environment.from_string(template)


class _Dict:
    """The `dict` of templates: no type, so that nothing can be reached through it."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict:
        return dict.fromkeys(*args)


def _to_json(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    """Write JSON; that of Jinja itself escapes the characters of HTML."""
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _plain(value: Any) -> Any:
    """Return what a template may see of a value: the types of JSON, and no methods of others."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, tuple):
        return tuple(_plain(v) for v in value)
    return f"<{type(value).__name__}>"


def _message(message: Any) -> Any:
    """Leave out what a message holds no value for, and name its reasoning as templates do."""
    if not isinstance(message, dict):
        raise ValueError(f"a message must be a dict with a role and a content, got {message!r}")
    message = {key: value for key, value in message.items() if value is not None}
    found = next((message[key] for key in REASONING if key in message), None)
    if found is None:
        return message
    return {"thinking": found, **message, "reasoning_content": found}
