"""The prompt of a command: an argument, a file, or standard input."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Annotated

import typer

Prompt = Annotated[
    str | None,
    typer.Argument(
        help="The text to continue. Without it the prompt is read from standard input if that is a "
        "pipe or a file; - always reads standard input. Without any prompt the model begins a new "
        "text.",
        show_default=False,
    ),
]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        "--prompt-file",
        metavar="FILE",
        help="Read the prompt from a UTF-8 file.",
        show_default=False,
    ),
]


def read_prompt(argument: str | None, file: Path | None) -> str | None:
    """Return the prompt, without the line break at its end; None where none was given.

    Raises:
        ValueError: if it was given twice, or is not UTF-8.
        OSError: if the file cannot be read.
    """
    if file is not None:
        if argument is not None:
            raise ValueError("--prompt-file replaces PROMPT; give one of them")
        return _text(file.read_bytes(), str(file))
    if argument == "-" or argument is None and _piped():
        return _text(sys.stdin.buffer.read(), "standard input")
    if argument is not None:
        try:
            argument.encode()
        except UnicodeEncodeError as error:  # Python keeps bytes that are not UTF-8 as surrogates
            raise ValueError(
                f"PROMPT: not UTF-8 at character {error.start + 1}; convert the prompt to UTF-8"
            ) from None
    return argument


def _piped() -> bool:
    """Whether standard input is a pipe or a file, not a terminal or /dev/null."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _text(read: bytes, name: str) -> str:
    try:
        text = read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name}: not UTF-8 at byte {error.start + 1}; convert the prompt to UTF-8"
        ) from None
    return text.removesuffix("\n").removesuffix("\r")
