"""A model under test, and what it reads."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxsample.decode._model import Model

ROWS = 3


class Broken(Exception):
    """A rule is broken; the message says how."""


class Misshapen(Broken):
    """The output is not one of logits `[B, T, V]`, so no rule can be tested."""


class Subject(NamedTuple):
    """The model under test."""

    model: Model
    params: Any
    vocab_size: int
    max_length: int

    @property
    def width(self) -> int:
        """The columns of the widest call; two tokens more fill the cache."""
        return self.max_length - 2

    @property
    def half(self) -> int:
        return self.width // 2

    @property
    def columns(self) -> np.ndarray:
        """The positions `[ROWS, width]` of rows without padding."""
        return np.broadcast_to(np.arange(self.width), (ROWS, self.width))

    def tokens(self) -> np.ndarray:
        """Return `[ROWS, max_length]` ids, without 0, which some models take for padding."""
        size = ROWS * self.max_length
        ids = np.tile(np.arange(1, self.vocab_size), -(-size // (self.vocab_size - 1)))
        ids = np.random.default_rng(0).permutation(ids)[:size]
        return ids.reshape(ROWS, self.max_length).astype(np.int32)

    def read(self, tokens, positions, cache=None) -> tuple[np.ndarray, Any]:
        """Return the logits `[B, T, V]` and the cache after tokens at these positions."""
        tokens, positions = np.asarray(tokens, np.int32), np.asarray(positions, np.int32)
        if cache is None:
            cache = self.model.init_cache(len(tokens), self.max_length)
        logits, cache = _read(self.model, self.params, tokens, positions, cache)
        if logits.shape != (*tokens.shape, self.vocab_size):
            raise Misshapen(_misshapen(tokens.shape, logits.shape, self.vocab_size))
        return np.asarray(logits, np.float32), cache


def _misshapen(tokens, logits, vocab_size):
    remedy = "apply must return logits [B, T, V]"
    if logits[:-1] == tokens:
        remedy = f"pass vocab_size={logits[-1]} if the model is right"
    wanted = [*tokens, vocab_size]
    return f"logits of shape {list(logits)} where {wanted} are due: {remedy}"


@functools.partial(jax.jit, static_argnums=0)
def _read(model, params, tokens, positions, cache):
    output = model.apply(params, tokens, positions, cache)
    if model.unembed is not None and output.hidden is not None:
        return model.unembed(params, output.hidden), output.cache
    if output.logits is None:
        raise Misshapen("the output has neither logits, nor hidden states with an unembed")
    return output.logits, output.cache


def apart(expected: np.ndarray, got: np.ndarray) -> float:
    """Return the largest difference as a share of the range of the logits."""
    with np.errstate(invalid="ignore"):
        off = np.max(np.where(expected == got, 0.0, np.abs(expected - got)))
    ranges = [np.ptp(x[np.isfinite(x)]) for x in (expected, got) if np.isfinite(x).any()]
    return float(off / max([*ranges, 1e-30])) if np.isfinite(off) else np.inf
