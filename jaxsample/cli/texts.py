"""The flags of commands that draw text: where it ends, conversations, and the machine."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated, Any

import typer

PANEL = "Model and machine"
Conversation = tuple[list[dict[str, Any]], list[dict[str, Any]] | None]

Stop = Annotated[
    list[str] | None,
    typer.Option(
        "--stop",
        metavar="TEXT",
        help="End the text before TEXT, however it is split into tokens; may be given again.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=2**32 - 1,
        metavar="S",
        help="The same seed draws the same text. By default every run has a new one.",
        show_default=False,
    ),
]
Chat = Annotated[
    bool,
    typer.Option("--chat", help="PROMPT is the message of a user; the model answers it."),
]
Messages = Annotated[
    Path | None,
    typer.Option(
        "--messages",
        metavar="FILE",
        help="Answer a conversation: a JSON list of messages with a role and a content, or an "
        "object with the lists `messages` and `tools`.",
        show_default=False,
    ),
]
System = Annotated[
    str | None,
    typer.Option("--system", metavar="TEXT", help="The system message.", show_default=False),
]
MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens",
        min=1,
        metavar="N",
        help="The largest number of tokens of a text. By default 256, or fewer if the model's "
        "context is short.",
        show_default=False,
    ),
]


class Dtype(enum.StrEnum):
    """The type of parameters, cache and computation."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


DtypeFlag = Annotated[
    Dtype,
    typer.Option("--dtype", help="The type of weights and computation.", rich_help_panel=PANEL),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Where to compute: cpu, gpu, tpu, or one of several, such as gpu:1. By default JAX "
        "chooses.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]


def use_device(name: str | None) -> None:
    """Make a device the default of this process.

    Raises:
        ValueError: if there is no such device.
    """
    if name is None:
        return
    import jax

    kind, _, number = name.partition(":")
    try:
        jax.config.update("jax_default_device", jax.devices(kind)[int(number or 0)])
    except (RuntimeError, ValueError, IndexError):
        there = ", ".join(sorted({device.platform for device in jax.devices()} | {"cpu"}))
        raise ValueError(f"--device: there is no {name!r}; there are {there}") from None


def read_messages(file: Path) -> Conversation:
    """Return the messages and the tools of a file.

    Raises:
        ValueError: if the file does not hold a conversation.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        if isinstance(data, dict):
            return conversation(data.get("messages"), data.get("tools"))
        return conversation(data)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def conversation(messages: Any, tools: Any = None) -> Conversation:
    """Return messages and tools that came from a file.

    Raises:
        ValueError: if they are not lists, or there is no message.
    """
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise ValueError("it must hold a list of messages with a role and a content")
    if not messages or tools is not None and not isinstance(tools, list):
        raise ValueError("`messages` must hold a message, and `tools` be a list")
    return messages, tools


def asked(
    prompt: str | None, chat: bool, messages: Path | None, system: str | None
) -> Conversation | None:
    """Return the conversation that the flags describe, or None if the prompt is to be continued.

    Raises:
        ValueError: if the flags exclude each other, or a message is missing.
    """
    if messages is None and not chat:
        if system is not None:
            raise ValueError("--system belongs to a conversation; add --chat")
        return None
    if messages is None and not prompt:
        raise ValueError("--chat needs a message; give it as PROMPT")
    turns, tools = ([], None) if messages is None else read_messages(messages)
    first = [] if system is None else [{"role": "system", "content": system}]
    last = [{"role": "user", "content": prompt}] if prompt else []
    return first + turns + last, tools
