"""The rules that a model keeps, each with a test and the remedy if it is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._contract import empty_cache
from jaxsample.interop.models._subject import ROWS, Broken, Subject, apart


class Rule(NamedTuple):
    """A test that returns how far logits differ, and the remedy."""

    test: Callable[[Subject], float]
    remedy: str


def batch_first(subject):
    try:
        cache = empty_cache(subject.model, ROWS, subject.max_length)
    except ValueError as error:
        raise Broken(str(error)) from None
    tokens, width = subject.tokens(), subject.width
    _, cache = subject.read(tokens[:, :width], subject.columns, cache)
    last, at = tokens[:, [width]], np.full((ROWS, 1), width)
    expected, _ = subject.read(last, at, cache)
    order = np.array([2, 0, 1])
    moved = jax.tree.map(lambda leaf: jnp.asarray(leaf)[order], cache)
    got, _ = subject.read(last[order], at, moved)
    return apart(expected[order], got)


def keeps_form(subject):
    before = subject.model.init_cache(ROWS, subject.max_length)
    _, after = subject.read(subject.tokens()[:, : subject.width], subject.columns, before)
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
    """Rows of different lengths go on by one token, and by two in one call."""
    tokens, columns, width = subject.tokens(), subject.columns, subject.width
    lengths = np.array([[width], [2 * width // 3], [1]])
    prompts = np.where(columns < lengths, columns, -1)
    logits, cache = subject.read(tokens[:, :width], prompts)
    at = lengths + np.arange(2)
    following = np.take_along_axis(tokens, at, axis=1)
    one, _ = subject.read(following[:, :1], at[:, :1], cache)
    two, _ = subject.read(following, at, cache)
    row, length = 1, 2 * width // 3
    alone = subject.read(tokens[[row], :width], columns[:1])[0][0]
    return max(
        apart(alone[:length], logits[row, :length]),
        apart(alone[length : length + 1], one[row]),
        apart(alone[length : length + 2], two[row]),
    )


def chunks(subject):
    """The first half is read at once, then two tokens, and then one."""
    tokens, columns = subject.tokens(), subject.columns
    whole, _ = subject.read(tokens[:, : subject.width], columns)
    cuts = subject.half + np.array([0, 2, 3])
    cache, got = None, []
    for start, end in zip([0, *cuts[:-1]], cuts, strict=True):
        logits, cache = subject.read(tokens[:, start:end], columns[:, start:end], cache)
        got.append(logits)
    return apart(whole[:, : cuts[-1]], np.concatenate(got, axis=1))


def padding(subject):
    """A row is fed padding, with any ids, while the others read on."""
    tokens, columns, half = subject.tokens(), subject.columns, subject.half
    _, cache = subject.read(tokens[:, :half], columns[:, :half])
    at = np.full((ROWS, 1), half)
    expected, _ = subject.read(tokens[:, [half]], at, cache)
    row = np.array([[0], [1], [0]], bool)
    for part in (columns[:, half : half + 1], columns[:, half : 2 * half]):
        _, cache = subject.read(tokens[:, part[0]], np.where(row, -1, part), cache)
    at = np.where(row, half, 2 * half)
    got, _ = subject.read(tokens[:, [half]], at, cache)
    return apart(expected[1], got[1])


def behind(subject):
    """The cache has room for two tokens, and they come with more columns of padding."""
    tokens, columns, width = subject.tokens(), subject.columns, subject.width
    _, cache = subject.read(tokens[:, :width], columns)
    at = np.full((ROWS, 1), width) + np.arange(2)
    expected, _ = subject.read(tokens[:, width:], at, cache)
    padded = np.where(columns == 0, width, -1)
    first, cache = subject.read(np.roll(tokens, 2, axis=1)[:, :width], padded, cache)
    second, _ = subject.read(tokens[:, -1:], at[:, 1:], cache)
    return apart(expected, np.concatenate([first[:, :1], second], axis=1))


def taken_back(subject):
    """Every row reads two other tokens at positions of its own that it has read before."""
    if not subject.model.rewinds:
        return 0.0
    tokens, columns = subject.tokens()[:, : subject.width], subject.columns
    _, cache = subject.read(tokens, columns)
    at = np.array([[2], [1], [3]]) + np.arange(2)
    others = np.take_along_axis(tokens, at, axis=1) % (subject.vocab_size - 1) + 1
    got, _ = subject.read(others, at, cache)
    np.put_along_axis(tokens, at, others, axis=1)
    expected, _ = subject.read(tokens, columns)
    return apart(np.take_along_axis(expected, at[..., None], axis=1), got)


def alone(subject):
    tokens = subject.tokens()[:, : subject.width]
    expected, _ = subject.read(tokens, subject.columns)
    other = tokens.copy()
    other[0] = other[0, ::-1]
    got, _ = subject.read(other, subject.columns)
    return apart(expected[1:], got[1:])


def causal(subject):
    tokens = subject.tokens()[:, : subject.width]
    expected, _ = subject.read(tokens, subject.columns)
    other = tokens.copy()
    other[:, -1] = subject.tokens()[:, -1]
    got, _ = subject.read(other, subject.columns)
    return apart(expected[:, :-1], got[:, :-1])


def order(subject):
    """If logits depend on earlier tokens, they depend on their order."""
    tokens = subject.tokens()[:, : subject.width]
    other, swapped = tokens.copy(), tokens.copy()
    other[:, 0] = other[:, 2]
    swapped[:, :2] = tokens[:, 1::-1]
    expected, *read = (
        subject.read(text, subject.columns)[0][:, 2:] for text in (tokens, other, swapped)
    )
    changed, moved = (apart(expected, got) for got in read)
    if changed > 1e-4 and moved < 1e-3 * changed:
        raise Broken("two earlier tokens change places, and the logits stay the same")
    return 0.0


def unembeds(subject):
    model, params = subject.model, subject.params
    if model.unembed is None:
        return 0.0
    cache = model.init_cache(ROWS, subject.max_length)
    tokens = jnp.asarray(subject.tokens()[:, : subject.width])
    output = model.apply(params, tokens, jnp.asarray(subject.columns), cache)
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
        ragged,
        "one write index or state for all rows, or a ring that padding wraps over: make the model "
        "by one_row, or by one_token for rings and states",
    ),
    "one call equals chunks": Rule(
        chunks,
        "apply must go on from the cache, at the positions given: use one_token for a module that "
        "takes one token a call, without_cache for one without a cache",
    ),
    "padding leaves the cache of its row": Rule(
        padding, "positions of -1 are padding, whatever their ids: make the model by one_token"
    ),
    "padding may end behind the cache": Rule(
        behind,
        "a slice that would end behind the cache moves left, over other tokens: write each token "
        "at its position, and padding nowhere, or make the model by one_row or one_token",
    ),
    "tokens can be taken back": Rule(
        taken_back,
        "mask the cache by position, so that a token hides what was read at later ones, or make "
        "the Model with rewinds=False",
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
