"""A model with its tokenizer."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxsample.learn._hosts import whole

DEFAULT_NEW_TOKENS = 256


class Source(NamedTuple):
    """A model that text can be drawn from.

    Attributes:
        name: any name for the model.
        checkpoint: `model` and `params` as `generate` takes them, `tokenizer` (a
            `tokenizers.Tokenizer`), `config.max_length` and `generation_config`, a dict with
            "eos_token_id" and "bos_token_id"; `jaxsample_models.load` returns such a checkpoint.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> source.encode("Once upon a time")[:2], source.eos, source.context
    ([1, 113], [2], 128)
    """

    name: str
    checkpoint: Any

    @property
    def tokenizer(self) -> Any:
        """The model's `tokenizers.Tokenizer`."""
        return self.checkpoint.tokenizer

    @property
    def eos(self) -> list[int]:
        """The ids that end a text."""
        return _ids(self.checkpoint.generation_config.get("eos_token_id"))

    @property
    def bos(self) -> list[int]:
        """The id that every text begins with, or none."""
        return _ids(self.checkpoint.generation_config.get("bos_token_id"))[:1]

    @property
    def digest(self) -> str:
        """A sha256 of the names, types and values of all parameters.

        If other processes hold parts of them, all processes ask for it together.
        """
        found = hashlib.sha256()
        for path, leaf in jax.tree.leaves_with_path(self.checkpoint.params):
            array = whole(leaf)
            found.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @property
    def parameters(self) -> int:
        """The number of the model's parameters."""
        return sum(x.size for x in jax.tree.leaves(self.checkpoint.params))

    @property
    def context(self) -> int:
        """The number of positions that the model was made for."""
        return self.checkpoint.config.max_length

    def encode(self, prompt: str | None) -> list[int]:
        """Return the ids of a prompt; without a prompt, only the bos.

        Raises:
            ValueError: if all of the prompt is outside the vocabulary, or it does not fit.
        """
        ids = self.tokenizer.encode(prompt).ids if prompt else self.bos
        if not ids:
            raise ValueError(f"{self.name} has no token to begin a text with; give a prompt")
        if prompt and "".join(self.unknown(prompt)) == "".join(prompt.split()):
            raise ValueError(f"{self.name} has no token of the prompt {prompt!r}")
        return self.fits(ids)

    def fits(self, ids: list[int]) -> list[int]:
        """Return ids of a prompt; ValueError if the model has too few positions for them."""
        if len(ids) > self.context:
            raise ValueError(
                f"the prompt has {len(ids)} tokens, more than the {self.context} positions "
                f"of {self.name}"
            )
        return ids

    def unknown(self, prompt: str) -> list[str]:
        """Return the parts of the prompt that are not in the vocabulary.

        The unknown token itself is in the vocabulary: a prompt may spell it out.
        """
        encoding = self.tokenizer.encode(prompt, add_special_tokens=False)
        mark = getattr(self.tokenizer.model, "unk_token", None)
        spans = zip(encoding.tokens, encoding.offsets, strict=True)
        parts = [prompt[a:b].strip() for token, (a, b) in spans if token == mark]
        return [part for part in parts if part != mark]

    def room(self, prompt: list[int], wanted: int | None) -> int:
        """Return how many tokens to draw after a prompt: `wanted`, by default at most 256.

        Raises:
            ValueError: if `wanted` tokens do not fit, or none do.
        """
        left = self.context - len(prompt)
        if left < 1 or wanted is not None and wanted > left:
            raise ValueError(
                f"{self.name} has {self.context} positions: a prompt of {len(prompt)} tokens "
                f"leaves room for {left}" + ("" if wanted is None else f", not for {wanted}")
            )
        return min(DEFAULT_NEW_TOKENS, left) if wanted is None else wanted


def _ids(value: Any) -> list[int]:
    return [] if value is None else [value] if isinstance(value, int) else list(value)
