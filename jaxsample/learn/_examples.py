"""Texts to learn from, with the outputs of the model."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._answers import answers
from jaxsample.decode._model import Model
from jaxsample.learn._hosts import own, whole


class Examples(NamedTuple):
    """Texts and their prompts, right-padded.

    If the examples hold `logits` or `hidden`, the outputs of the model before each token, the model
    is not called for the likelihood of the tokens. If they hold `hidden` alone, the model's
    `unembed` gives the logits.

    Attributes:
        tokens: `[N, M]` token ids of the texts.
        token_lengths: `[N]`, the lengths of the texts; M by default.
        prompts: `[N, P]` token ids, or None.
        lengths: `[N]` in 1..P, the lengths of the prompts; P by default.
        logits: `[N, M, V]`, or None; logits[:, m] predict tokens[:, m].
        hidden: `[N, M, D]`, or None; the hidden states that the logits came from.

    >>> texts = Examples(np.array([[1, 2, 3], [1, 2, 0]]), token_lengths=[3, 2],
    ...                  prompts=np.array([[0], [0]]))
    >>> texts.checked()[1:].tokens, texts.cached
    (array([[1, 2, 0]]), False)
    """

    tokens: Any
    token_lengths: Any = None
    prompts: Any = None
    lengths: Any = None
    logits: Any = None
    hidden: Any = None

    @property
    def cached(self) -> bool:
        """Whether the examples hold the outputs of the model."""
        return self.logits is not None or self.hidden is not None

    @property
    def texts(self) -> Examples:
        """The examples themselves; `Pairs` has this property too."""
        return self

    def checked(self) -> Examples:
        """Return a copy with all lengths filled in.

        Raises:
            ValueError: if there is no example, or if the arrays do not fit each other.
        """
        tokens = self.tokens
        dtype = getattr(tokens, "dtype", np.dtype(object))
        if np.ndim(tokens) != 2 or not jnp.issubdtype(dtype, jnp.integer):
            raise ValueError(
                f"tokens must be an array of integers [N, M], got {dtype}{list(np.shape(tokens))}"
            )
        count, width = np.shape(tokens)
        if not count or not width:
            raise ValueError(f"there is nothing to learn from: tokens have shape {[count, width]}")
        for name, array in zip(self._fields, self, strict=True):
            if array is not None and np.shape(array)[:1] != (count,):
                raise ValueError(f"{name} must have {count} rows, got {list(np.shape(array))}")
        for name in ("logits", "hidden"):
            array = getattr(self, name)
            if array is not None and (array.ndim != 3 or array.shape[1] != width):
                raise ValueError(f"{name} must be [{count}, {width}, ..], got {list(array.shape)}")
        if self.prompts is None and not self.cached:
            raise ValueError(
                "examples need prompts, or the logits or hidden states before each token"
            )
        token_lengths = _array(self.token_lengths)
        if token_lengths is None:
            token_lengths = np.full(count, width, np.int32)
        lengths = _array(self.lengths)
        if lengths is None and self.prompts is not None:
            lengths = np.full(count, np.shape(self.prompts)[1], np.int32)
        return self._replace(token_lengths=token_lengths, lengths=lengths)

    # An index selects rows of every array, where a plain tuple would select a field.
    def __getitem__(self, index: Any) -> Examples:
        """Select examples by an array of indices or a slice."""
        return Examples(*(None if x is None else x[index] for x in self))


def remember(
    model: Model,
    params: Any,
    examples: Examples,
    folder: str | Path | None = None,
    *,
    batch_size: int = 32,
    dtype: Any = "float32",
) -> Examples:
    """Call the model once for all examples, and return them with its outputs.

    The outputs are the hidden states if the model has `unembed`; else the logits, and the hidden
    states if the model returns them.

    Args:
        model, params: the frozen model.
        examples: with prompts.
        folder: where to keep the outputs as .npy files, which are then read piece by piece; each of
            several processes has its own folder in it. None keeps them in memory.
        batch_size: examples per call of the model.
        dtype: the type in which the outputs are kept.

    Raises:
        ValueError: if there is no example, if the examples have no prompts, or if the model has two
            streams.

    >>> texts = remember(bigram, table, Examples(np.array([[1, 2]]), prompts=np.array([[0]])))
    >>> texts.logits.shape, texts.hidden
    ((1, 2, 4), None)
    """
    examples = examples._replace(logits=None, hidden=None).checked()
    if model.streams != 1:
        raise ValueError(
            "examples hold one prompt per text, and a guided model needs two; learn on the "
            "conditional model"
        )
    count, width = np.shape(examples.tokens)
    kept: dict[str, Any] = {}
    for start in range(0, count, batch_size):
        # The last batch overlaps the one before it: batches of one size need one compilation.
        some = slice(max(min(start, count - batch_size), 0), start + batch_size)
        said = _ask(model, params, *(jnp.asarray(x) for x in examples[some] if x is not None))
        for name, array in zip(("logits", "hidden"), said, strict=True):
            if array is None:
                continue
            if name not in kept:
                shape = (count, width, array.shape[-1])
                kept[name] = _room(folder, name, shape, jnp.dtype(dtype))
            kept[name][some] = whole(array.astype(dtype))
    for array in kept.values():
        if isinstance(array, np.memmap):
            array.flush()
    return examples._replace(**kept)


def _room(folder, name, shape, dtype):
    if folder is None:
        return np.empty(shape, dtype)
    path = own(folder) / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unlink instead of overwriting: another process may still read the old file.
    path.unlink(missing_ok=True)
    return np.lib.format.open_memmap(path, "w+", dtype, shape)


@functools.partial(jax.jit, static_argnums=0)
def _ask(model, params, tokens, token_lengths, prompts, lengths):
    return answers(model, params, prompts, lengths, tokens, token_lengths)


def _array(x):
    return np.asarray(x) if isinstance(x, list | tuple) else x
