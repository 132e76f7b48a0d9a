"""The rules that a model keeps, each with a test and the remedy if it is broken."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._contract import empty_cache
from jaxsample.decode._model import Model

ROWS, WIDTH = 3, 6
LENGTHS = np.array([WIDTH, 4, 1])
COLUMNS = np.broadcast_to(np.arange(WIDTH), (ROWS, WIDTH))


class Broken(Exception):
    """A rule is broken; the message says how."""


class Rule(NamedTuple):
    """A test that returns how far logits differ, and the remedy."""

    test: Callable[[Subject], float]
    remedy: str


class Subject(NamedTuple):
    """The model under test."""

    model: Model
    params: Any
    vocab_size: int
    max_length: int

    def tokens(self) -> np.ndarray:
        """Return `[ROWS, WIDTH + 1]` ids, without 0, which some models take for padding."""
        shape = ROWS, WIDTH + 1
        ids = np.random.default_rng(0).permuted(np.tile(np.arange(1, self.vocab_size), 24))
        if self.vocab_size > np.prod(shape):
            ids = np.random.default_rng(0).permutation(self.vocab_size - 1) + 1
        return np.resize(ids, shape).astype(np.int32)

    def read(self, tokens, positions, cache=None) -> tuple[np.ndarray, Any]:
        """Return the logits `[B, T, V]` and the cache after tokens at these positions."""
        tokens, positions = np.asarray(tokens, np.int32), np.asarray(positions, np.int32)
        if cache is None:
            cache = self.model.init_cache(len(tokens), self.max_length)
        logits, cache = _read(self.model, self.params, tokens, positions, cache)
        if logits.shape != (*tokens.shape, self.vocab_size):
            wanted = [*tokens.shape, self.vocab_size]
            raise Broken(f"logits of shape {list(logits.shape)} where {wanted} are due")
        return np.asarray(logits, np.float32), cache


@functools.partial(jax.jit, static_argnums=0)
def _read(model, params, tokens, positions, cache):
    output = model.apply(params, tokens, positions, cache)
    if model.unembed is not None and output.hidden is not None:
        return model.unembed(params, output.hidden), output.cache
    if output.logits is None:
        raise Broken("the output has neither logits, nor hidden states with an unembed")
    return output.logits, output.cache


def apart(expected: np.ndarray, got: np.ndarray) -> float:
    """Return the largest difference as a share of the range of the logits."""
    with np.errstate(invalid="ignore"):
        off = np.max(np.where(expected == got, 0.0, np.abs(expected - got)))
    ranges = [np.ptp(x[np.isfinite(x)]) for x in (expected, got) if np.isfinite(x).any()]
    return float(off / max([*ranges, 1e-30])) if np.isfinite(off) else np.inf


def batch_first(subject):
    try:
        cache = empty_cache(subject.model, ROWS, subject.max_length)
    except ValueError as error:
        raise Broken(str(error)) from None
    tokens = subject.tokens()
    _, cache = subject.read(tokens[:, :-1], COLUMNS, cache)
    expected, _ = subject.read(tokens[:, -1:], np.full((ROWS, 1), WIDTH), cache)
    order = np.array([2, 0, 1])
    moved = jax.tree.map(lambda leaf: jnp.asarray(leaf)[order], cache)
    got, _ = subject.read(tokens[order, -1:], np.full((ROWS, 1), WIDTH), moved)
    return apart(expected[order], got)


def keeps_form(subject):
    before = subject.model.init_cache(ROWS, subject.max_length)
    _, after = subject.read(subject.tokens()[:, :-1], COLUMNS, before)
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise Broken(f"{jax.tree.structure(before)} became {jax.tree.structure(after)}")
    pairs = zip(jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), strict=True)
    for (path, old), new in pairs:
        old, new = jax.typeof(old), jax.typeof(new)
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            where = jax.tree_util.keystr(path)
            raise Broken(f"cache{where} was {old.str_short()} and became {new.str_short()}")
    return 0.0


def ragged(subject):
    tokens = subject.tokens()
    logits, cache = subject.read(tokens[:, :-1], np.where(COLUMNS < LENGTHS[:, None], COLUMNS, -1))
    following, _ = subject.read(tokens[:, -1:], LENGTHS[:, None], cache)
    row, length = 1, LENGTHS[1]
    alone, cache = subject.read(tokens[[row], :length], COLUMNS[:1, :length])
    after, _ = subject.read(tokens[[row], -1:], [[length]], cache)
    return max(apart(alone[0], logits[row, :length]), apart(after[0], following[row]))


def chunks(subject):
    tokens = subject.tokens()[:, :-1]
    whole, _ = subject.read(tokens, COLUMNS)
    half = WIDTH // 2
    first, cache = subject.read(tokens[:, :half], COLUMNS[:, :half])
    got = [first]
    for at in range(half, WIDTH):
        logits, cache = subject.read(tokens[:, [at]], COLUMNS[:, [at]], cache)
        got.append(logits)
    return apart(whole, np.concatenate(got, axis=1))


def padding(subject):
    """A row is fed padding, with any ids, while the others read on."""
    tokens = subject.tokens()
    half = WIDTH // 2
    _, cache = subject.read(tokens[:, :half], COLUMNS[:, :half])
    at = np.full((ROWS, 1), half)
    expected, _ = subject.read(tokens[:, [half]], at, cache)
    row = np.array([[0], [1], [0]], bool)
    for columns in (COLUMNS[:, half : half + 1], COLUMNS[:, half : 2 * half]):
        _, cache = subject.read(tokens[:, columns[0]], np.where(row, -1, columns), cache)
    at = np.where(row, half, 2 * half)
    got, _ = subject.read(tokens[:, [half]], at, cache)
    return apart(expected[1], got[1])


def alone(subject):
    tokens = subject.tokens()[:, :-1]
    expected, _ = subject.read(tokens, COLUMNS)
    other = tokens.copy()
    other[0] = other[0, ::-1]
    got, _ = subject.read(other, COLUMNS)
    return apart(expected[1:], got[1:])


def causal(subject):
    tokens = subject.tokens()
    expected, _ = subject.read(tokens[:, :-1], COLUMNS)
    other = np.concatenate([tokens[:, :-2], tokens[:, -1:]], axis=1)
    got, _ = subject.read(other, COLUMNS)
    return apart(expected[:, :-1], got[:, :-1])


def order(subject):
    """If the last logits depend on earlier tokens, they depend on their order."""
    tokens = subject.tokens()[:, :-1]
    expected = subject.read(tokens, COLUMNS)[0][:, -1]
    other, swapped = tokens.copy(), tokens.copy()
    other[:, 0] = other[:, 2]
    swapped[:, :2] = tokens[:, 1::-1]
    changed, moved = (apart(expected, subject.read(x, COLUMNS)[0][:, -1]) for x in (other, swapped))
    if changed > 1e-4 and moved < 1e-3 * changed:
        raise Broken("two earlier tokens change places, and the logits stay the same")
    return 0.0


def unembeds(subject):
    model, params = subject.model, subject.params
    if model.unembed is None:
        return 0.0
    cache = model.init_cache(ROWS, subject.max_length)
    output = model.apply(params, jnp.asarray(subject.tokens()[:, :-1]), jnp.asarray(COLUMNS), cache)
    if output.hidden is None:
        raise Broken("the model has an unembed, and its output has no hidden states")
    if output.logits is None:
        return 0.0
    return apart(np.asarray(output.logits), np.asarray(model.unembed(params, output.hidden)))


RULES = {
    "the batch is the first axis of the cache": Rule(
        batch_first, "rows are repeated, gathered and replaced along it"
    ),
    "the cache keeps its structure, shapes and dtypes": Rule(
        keeps_form, "return a cache like the one that apply was given, for any number of tokens"
    ),
    "a ragged row equals the row alone": Rule(
        ragged, "one write index or state for all rows: make the model by one_row or one_token"
    ),
    "one call equals chunks": Rule(
        chunks,
        "apply must go on from the cache, at the positions given: use one_token for a module that "
        "takes one token a call, without_cache for one without a cache",
    ),
    "padding leaves the cache of its row": Rule(
        padding, "positions of -1 are padding, whatever their ids: make the model by one_token"
    ),
    "rows do not see each other": Rule(
        alone,
        "an operation over the batch: put it into evaluation mode, or make the model by one_row",
    ),
    "a token sees nothing later": Rule(causal, "give the forward pass a causal mask"),
    "positions matter": Rule(
        order, "pass the positions on to the module: call=lambda module, tokens, positions: .."
    ),
    "unembed agrees with the logits": Rule(
        unembeds, "unembed must map the hidden states of apply to its logits, softcap included"
    ),
}
