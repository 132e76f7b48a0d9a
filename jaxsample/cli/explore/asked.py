"""The body of a request, checked."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import jaxsample
from jaxsample.cli.chains import known
from jaxsample.interop import Text, from_dict
from jaxsample.study import Source

ROOM = 64  # tokens of a text, unless the page says otherwise
SEEDS = 2**32


class Asked(NamedTuple):
    """A request of the page, with its tokens and its chain.

    Attributes:
        prompt: the text of the prompt.
        chat: whether it is the message of a user.
        ids: its tokens.
        sampler: the chain.
        output: the tokens after the prompt that were drawn or chosen before.
        seed: of the text.
        room: the largest number of tokens of the text.
    """

    prompt: str
    chat: bool
    ids: list[int]
    sampler: Any
    output: list[int]
    seed: int
    room: int

    @property
    def left(self) -> int:
        """How many tokens may follow `output`."""
        return max(0, self.room - len(self.output))


def read(body: bytes, source: Source) -> Asked:
    """Return what a request asks.

    Raises:
        ValueError: if it is not a request of the page, or a value does not fit the model.
    """
    data = json.loads(body)
    if not isinstance(data, dict):
        raise ValueError(f"a request must be an object, got {type(data).__name__}")
    prompt = data.get("prompt", "")
    if not isinstance(prompt, str):
        raise ValueError(f"prompt must be a text, got {prompt!r}")
    prompt = prompt.encode("utf-8", "replace").decode()  # half of a pair of surrogates
    chat = bool(data.get("chat"))
    ids = tokens(source, prompt, chat)
    size = source.checkpoint.config.vocab_size
    output = [_whole("output", token, 0, size - 1) for token in _listed(data, "output")]
    source.room(ids, None)  # refuses a prompt that leaves no room
    room = min(_whole("room", data.get("room", ROOM), 1, 2**20), source.context - len(ids))
    source.fits([*ids, *output])
    seed = _whole("seed", data.get("seed", 0), 0, SEEDS - 1)
    chain = sampler(_listed(data, "chain"), source)
    return Asked(prompt, chat, ids, chain, output, seed, room)


def sampler(members: list[Any], source: Source) -> Any:
    """Return the chain that the page describes.

    Raises:
        ValueError: if a member is unknown or a value is wrong.
    """
    return known(jaxsample.chain(*(from_dict(member) for member in members)), source)


def tokens(source: Source, prompt: str, chat: bool) -> list[int]:
    """Return the tokens of a prompt, or of a conversation that it begins.

    Raises:
        ValueError: if it does not fit the model, or the model has no chat template.
    """
    if not chat:
        return source.encode(prompt)
    if source.checkpoint.chat_template is None:
        raise ValueError(f"{source.name} has no chat template")
    text = Text.of(source.checkpoint)
    return source.fits(text.encode_chat([{"role": "user", "content": prompt}]))


def _listed(data, name):
    value = data.get(name, [])
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list, got {value!r}")
    return value


def _whole(name, value, low, high):
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number in {low}..{high}, got {value!r}")
    return value
