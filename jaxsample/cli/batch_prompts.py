"""The prompts of a batch: texts to continue, or conversations to answer."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxsample.cli.texts import conversation
from jaxsample.interop import Text
from jaxsample.study import read_each, text_of

if TYPE_CHECKING:
    from jaxsample.study import Source


class BatchPrompt(NamedTuple):
    """A prompt of a batch.

    Attributes:
        id: the value of the field of the id, or the number of the line.
        text: what the model reads, as text.
        ids: what the model reads.
        given: the id and what the line held, as JSON.
    """

    id: str
    text: str
    ids: list[int]
    given: str


@dataclasses.dataclass(frozen=True)
class BatchPrompts:
    """The file of the prompts, and the options for reading it.

    Attributes:
        data: the file.
        prompt: the field of the prompt.
        id: the field of the id, or None.
        split, limit, skip_bad: see `jaxsample.study.read`.
        chat: whether a prompt is a conversation, or a message of a user.
        system: the system message of every conversation, or None.
    """

    data: Path
    prompt: str
    id: str | None
    split: str | None
    limit: int | None
    skip_bad: bool
    chat: bool
    system: str | None

    def read(self, source: Source, longest: int) -> list[BatchPrompt]:
        """Read prompts of fewer than `longest` tokens, and name lines that are skipped on stderr.

        Raises:
            ValueError: if the file or a line is wrong, or the model has no chat template.
        """
        if self.system is not None and not self.chat:
            raise ValueError("--system belongs to a conversation; add --chat")
        if self.chat and source.checkpoint.chat_template is None:
            raise ValueError(f"{source.name} has no chat template, which --chat needs")
        text = Text.of(source.checkpoint)

        def make(record: dict[str, Any], line: int) -> BatchPrompt:
            id = str(line) if self.id is None else _id(record, self.id)
            if self.chat:
                messages, tools = self._conversation(record)
                prompt = text.chat(messages, tools=tools)
                ids = text.encode(prompt, special=False)
                given = [id, messages, tools, prompt]
            else:
                prompt = self._text(record)
                ids = source.encode(prompt)
                given = [id, prompt]
            if not ids:
                raise ValueError("the prompt has no tokens")
            if len(ids) >= longest:
                raise ValueError(
                    f"the prompt has {len(ids)} tokens, and {longest} are the most for prompt and "
                    "text together"
                )
            return BatchPrompt(id, prompt, ids, json.dumps(given))

        found, skipped = read_each(
            self.data, make, split=self.split, limit=self.limit, skip_bad=self.skip_bad
        )
        for line, reason in skipped.items():
            print(f"skipped line {line} of {self.data}: {reason}", file=sys.stderr)
        return found

    def _conversation(self, record):
        """Return the messages and tools of a line: those in it, or one message of a user."""
        tools = record.get("tools")
        if self.prompt not in record and "messages" in record:
            turns, _ = conversation(record["messages"], tools)
        elif isinstance(record.get(self.prompt), list):
            turns, _ = conversation(record[self.prompt], tools)
        else:
            turns, _ = conversation([{"role": "user", "content": self._text(record)}], tools)
        first = [] if self.system is None else [{"role": "system", "content": self.system}]
        return first + turns, tools

    def _text(self, record):
        if isinstance(record.get(self.prompt), list):
            raise ValueError(f"the field {self.prompt!r} is a list; add --chat for conversations")
        found = text_of(record, self.prompt)
        if not found.strip():
            raise ValueError(f"the field {self.prompt!r} is empty")
        return found


def _id(record: dict[str, Any], name: str) -> str:
    return str(record[name]) if type(record.get(name)) is int else text_of(record, name)
