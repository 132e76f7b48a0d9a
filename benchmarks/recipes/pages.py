"""The recipes on the pages of docs/stacks: their code is run as it stands there."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

PAGES = Path(__file__).resolve().parents[2] / "docs" / "stacks"
BLOCK = re.compile(r"^## (?P<title>[^\n]+)$|^```python\n(?P<code>.*?)^```$", re.M | re.S)


class Recipe(NamedTuple):
    """A model of a library with small random weights.

    Attributes:
        name: the heading above its code.
        model, params: what the adapter made.
        vocab_size: V.
        own: `(prompts [B, P], count) -> tokens [B, count]`, the library's greedy decoding.
        sampler: whether `own` is a sampler of the library, and not a loop over its forward pass.
    """

    name: str
    model: Any
    params: Any
    vocab_size: int
    own: Callable[[np.ndarray, int], np.ndarray]
    sampler: bool


def recipes(page: Path) -> Iterator[Recipe]:
    """Run the code of a page and yield the recipe under each heading.

    A page sets `V`, `model` and `params`, and `own` or `forward` where the library has no sampler.

    Raises:
        ImportError: if the library is not installed.
    """
    module = types.ModuleType(f"recipe_{page.stem}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    names = vars(module)
    title = None
    for found in BLOCK.finditer(page.read_text()):
        if found["title"]:
            title = found["title"]
            continue
        exec(compile(found["code"], f"{page.name}: {title or 'the adapter'}", "exec"), names)
        if title:
            own = names.get("own") or whole_prefix(names["forward"])
            given = names["model"], names["params"], names["V"]
            yield Recipe(title, *given, own, "own" in names)


def lines(page: Path) -> int:
    """Count the lines of code of the adapter, which is the first block, without its imports."""
    code = next(found["code"] for found in BLOCK.finditer(page.read_text()) if found["code"])
    kept = [line.strip() for line in code.splitlines()]
    return sum(bool(line) and not line.startswith(("#", "import ", "from ")) for line in kept)


def whole_prefix(forward: Callable) -> Callable:
    """Return greedy decoding that reads the whole text again for every token.

    The text is padded to a multiple of 16, so that lengths share a program: what comes later does
    not change a causal model.
    """
    forward = jax.jit(forward)

    def own(prompts, count):
        batch, width = prompts.shape
        text = np.zeros((batch, -(-(width + count) // 16) * 16), np.int32)
        text[:, :width] = prompts
        for at in range(width, width + count):
            text[:, at] = np.argmax(forward(jnp.asarray(text))[:, at - 1], -1)
        return text[:, width : width + count]

    return own
