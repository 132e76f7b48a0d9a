"""The answers to the page: each is a few lines of JSON, sent as soon as they are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jinja2

from jaxsample.cli.explore import rows
from jaxsample.cli.explore.asked import Asked
from jaxsample.cli.explore.reader import Reader
from jaxsample.cli.explore.several import several
from jaxsample.cli.explore.writing import row_keys, state_after, write
from jaxsample.show import staged

Line = dict[str, Any]
ENDED = "the model ended the text"


class Answers:
    """Answer requests about one model. Threads may share it.

    Args:
        reader: the model.
        templates: those of the page.
    """

    def __init__(self, reader: Reader, templates: jinja2.Environment):
        self._reader, self._templates = reader, templates
        self._compiled: set[Any] = set()

    def row(self, asked: Asked) -> Iterator[Line]:
        """Yield the row after a text, before and after each member of the chain."""
        text = [*asked.ids, *asked.output]
        yield from self._read(text, max(1, asked.left))  # the cache that the text uses
        members = list(asked.sampler)
        fresh = [(type(m).__name__, self._key("row", m, asked)) for m in members]
        fresh.append(("the order", self._key("chain", asked.sampler, asked)))
        fresh = [(name, key) for name, key in fresh if key not in self._compiled]
        if fresh:
            yield {"wait": f"compiling {', '.join(name for name, _ in fresh)}"}
        row, key = self._reader.row(text), row_keys(asked.seed, 1)[0]
        state = state_after(self._reader, asked.sampler, asked.ids, asked.output, key, asked.room)
        found = staged(row.logits, zip(members, state, strict=True), row.hidden)
        self._compiled |= {key for _, key in fresh}
        shown = rows.view(self._reader.source, text, row.logits, found)
        yield {
            "html": self._templates.get_template("row.html").render(row=shown),
            "picture": shown["picture"],
        }

    def text(self, asked: Asked) -> Iterator[Line]:
        """Yield the tokens of a text."""
        if self._ended(asked):
            yield {"end": ENDED}
            return
        if not asked.left:
            yield {"end": f"{asked.room} tokens"}
            return
        yield from self._read([*asked.ids, *asked.output], asked.left)
        key = self._key("text", asked.sampler, asked)
        if key not in self._compiled:
            yield {"wait": "compiling the chain"}
        source, ended = self._reader.source, False
        tokens = write(self._reader, asked.sampler, asked.ids, asked.output, asked.seed, asked.room)
        for token in tokens:
            self._compiled.add(key)
            line = token._asdict()
            ended = line.pop("ended")
            if not token.text:
                line["name"] = source.tokenizer.id_to_token(token.id) or f"unused {token.id}"
            yield {k: None if v != v or v == math.inf else v for k, v in line.items()}
        yield {"end": ENDED if ended else f"{asked.room} tokens"}

    def several(self, asked: Asked) -> Iterator[Line]:
        """Yield the progress of several texts, and then the texts with their measures."""
        if self._ended(asked) or not asked.left:
            raise ValueError("no token can follow this text; go back to the prompt")
        yield from self._read([*asked.ids, *asked.output], asked.left)
        key = self._key("several", asked.sampler, asked)
        if key not in self._compiled:
            yield {"wait": "compiling the chain for several texts"}
        drawing = several(
            self._reader, asked.sampler, asked.ids, asked.output, asked.seed, asked.room
        )
        while True:
            try:
                done = next(drawing)
            except StopIteration as end:
                template = self._templates.get_template("several.html")
                yield {"html": template.render(found=end.value), "texts": end.value.texts}
                return
            self._compiled.add(key)
            yield {"wait": f"{done} of {asked.room} tokens"}

    def warm(self, asked: Asked) -> None:
        """Compile what the page asks for first."""
        for lines in (self.row(asked), itertools.islice(self.text(asked), 4)):
            for _ in lines:
                pass

    def _ended(self, asked: Asked) -> bool:
        return bool(asked.output) and asked.output[-1] in self._reader.source.eos

    def _read(self, text: list[int], room: int) -> Iterator[Line]:
        key = "model", self._reader.slots(len(text) + room)
        if key not in self._compiled:
            yield {"wait": "compiling the model"}
        for done in self._reader.read(text, room):
            if done < len(text):
                yield {"wait": f"read {done} of {len(text)} tokens"}
        self._compiled.add(key)

    def _key(self, what: str, member: Any, asked: Asked) -> Any:
        shapes = tuple(getattr(leaf, "shape", ()) for leaf in jax.tree.leaves(member))
        slots = self._reader.slots(len(asked.ids) + asked.room)
        return what, jax.tree.structure(member), shapes, slots
