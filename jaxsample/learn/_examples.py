"""Texts to learn from, and what the model says about them, kept so that it is asked only once."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._model import Model
from jaxsample.decode._model_output import answers


class Examples(NamedTuple):
    """Texts `[N, M]` after prompts `[N, P]`, right-padded; optional fields are None.

    Where `logits` or `hidden` are given, what the model said before each token, the model is not
    called for the likelihood of the tokens; with `hidden` alone, its `unembed` gives the logits.

    Attributes:
        tokens: `[N, M]` token ids.
        token_lengths: `[N]`, how many of them count; all by default.
        prompts: `[N, P]` token ids.
        lengths: `[N]` in 1..P; P by default.
        logits: `[N, M, V]`; logits[:, m] predict tokens[:, m].
        hidden: `[N, M, D]`, the hidden states those logits came from.

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
        """Whether the model need not be called."""
        return self.logits is not None or self.hidden is not None

    @property
    def texts(self) -> Examples:
        """These examples: what a batch of any kind shows of its texts."""
        return self

    def checked(self) -> Examples:
        """Fill in lengths.

        Raises:
            ValueError: if there is no example or the arrays do not fit each other.
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

    def __getitem__(self, index: Any) -> Examples:  # type: ignore[override]
        """Pick examples by an array of indices or a slice."""
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
    """Ask the model once about all examples, and keep its answers beside them.

    Hidden states are kept where the model can unembed them, else logits and, if it shows them,
    hidden states.

    Args:
        model, params: the frozen model.
        examples: with prompts.
        folder: where the answers are kept, as .npy files that are read piece by piece; in memory
            by default.
        batch_size: examples a call.
        dtype: in which they are kept.

    Raises:
        ValueError: if there is no example, they have no prompts, or the model has two streams.

    >>> texts = remember(bigram, table, Examples(np.array([[1, 2]]), prompts=np.array([[0]])))
    >>> texts.logits.shape, texts.hidden
    ((1, 2, 4), None)
    """
    examples = examples._replace(logits=None, hidden=None).checked()
    if model.streams != 1:
        raise ValueError("examples hold one prompt a text; learn on the conditional model alone")
    count, width = np.shape(examples.tokens)
    kept: dict[str, Any] = {}
    for start in range(0, count, batch_size):
        # A batch of one size throughout, so that one program serves: the last reaches back.
        some = slice(max(min(start, count - batch_size), 0), start + batch_size)
        said = _ask(model, params, *(jnp.asarray(x) for x in examples[some] if x is not None))
        for name, array in zip(("logits", "hidden"), said, strict=True):
            if array is None:
                continue
            if name not in kept:
                shape = (count, width, array.shape[-1])
                kept[name] = _room(folder, name, shape, jnp.dtype(dtype))
            kept[name][some] = np.asarray(array.astype(dtype))
    for array in kept.values():
        if isinstance(array, np.memmap):
            array.flush()
    return examples._replace(**kept)


def _room(folder, name, shape, dtype):
    if folder is None:
        return np.empty(shape, dtype)
    Path(folder).mkdir(parents=True, exist_ok=True)
    # A new file, not the old one overwritten: others may still read from that.
    (Path(folder) / f"{name}.npy").unlink(missing_ok=True)
    return np.lib.format.open_memmap(Path(folder) / f"{name}.npy", "w+", dtype, shape)


@functools.partial(jax.jit, static_argnums=0)
def _ask(model, params, tokens, token_lengths, prompts, lengths):
    return answers(model, params, prompts, lengths, tokens, token_lengths)


def _array(x):
    return np.asarray(x) if isinstance(x, list | tuple) else x
