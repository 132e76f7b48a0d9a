"""The model and the prompts of the experiment: SmolLM2 on E2E, or a toy for --quick."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Punctuation, Sequence, WhitespaceSplit

import jaxsample_models
from jaxsample import Model, ModelOutput
from jaxsample.study import Item, Source, few_shot, read

NAME = "smollm2"
WORDS = (
    "<eos> . , [ ] the mill plough is a an pub restaurant with cheap high french english food by "
    "river in city centre name eattype area riverside pricerange"
).split()


class World(NamedTuple):
    """The model and the prompts.

    Attributes:
        source: the model with its tokenizer.
        tune, test: prompts with references, in the chat template after the examples.
        meanings: the meaning representation of each prompt by its id.
    """

    source: Source
    tune: list[Item]
    test: list[Item]
    meanings: dict[str, str]


def missing(folder: Path | None, data: dict[str, Any]) -> str | None:
    """Return the reason why the real world cannot be built, or None."""
    names = data["tune"], data["test"]
    if folder is None:
        return f"needs --data DIR with {' and '.join(names)} of the E2E data"
    absent = [name for name in names if not (folder / name).is_file()]
    return f"{folder} lacks {' and '.join(absent)}" if absent else None


def real(folder: Path, data: dict[str, Any], size: dict[str, Any]) -> World:
    """Build the world of SmolLM2 and E2E.

    Args:
        folder: holds the files of the data.
        data: `data` of the protocol.
        size: one of `sizes` of the protocol.
    """
    source = Source(NAME, jaxsample_models.load(NAME))

    def some(name: str, limit: int) -> list[Item]:
        path = folder / name
        return read(path, prompt="mr", reference="ref", limit=limit, gather=True, spread=True).items

    shots = some(data["tune"], data["shots"])
    known = {item.prompt for item in shots}
    tune = [item for item in some(data["tune"], size["tune"] + len(shots))]
    tune = [item for item in tune if item.prompt not in known][: size["tune"]]
    return _told(source, tune, some(data["test"], size["test"]), shots, data["system"])


def toy(size: dict[str, Any]) -> World:
    """Build a bigram model of words about restaurants, and some meanings."""
    names, kinds, areas = ("mill", "plough"), ("pub", "restaurant"), ("riverside", "city centre")
    foods, prices = ("french", "english"), ("cheap", "high")
    meanings = [
        f"name[the {name}], eattype[{kind}], food[{food}], area[{area}], pricerange[{price}]"
        for name in names for kind in kinds for food in foods for area in areas for price in prices
    ]  # fmt: skip
    items = [
        Item(str(i), meaning, ("the mill is a cheap pub by the river",))
        for i, meaning in enumerate(meanings)
    ]
    tune, test = items[: size["tune"]], items[size["tune"] :][: size["test"]]
    return _told(Source("toy", _bigrams()), tune, test, items[-1:], None)


def _told(source, tune, test, shots, system):
    named = [
        [item._replace(id=f"{part} {item.id}") for item in items]
        for part, items in (("tune", tune), ("test", test))
    ]
    meanings = {item.id: item.prompt for items in named for item in items}
    tune, test = (few_shot(source, items, shots, system=system) for items in named)
    return World(source, tune, test, meanings)


def _bigrams() -> Any:
    """Return a checkpoint whose next word depends on the last one alone."""
    size = len(WORDS)
    params = {"table": 1.5 * jax.random.normal(jax.random.key(1), (size, size))}

    def apply(params, tokens, positions, cache):
        hidden = jax.nn.one_hot(tokens, size)
        return ModelOutput(None, hidden, cache)

    model = Model(
        lambda batch, length: jnp.zeros((batch, 1)),
        apply,
        lambda params, hidden: hidden @ params["table"],
    )
    words = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="<eos>"))
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Punctuation()])
    tokenizer.add_special_tokens(["<eos>"])
    return SimpleNamespace(
        model=model,
        params=params,
        tokenizer=tokenizer,
        config=SimpleNamespace(max_length=256, dim=size),
        generation_config={"eos_token_id": 0},
        chat_template="{% for m in messages %}{{ m.content }} is {% endfor %}",
        special_tokens={},
    )
