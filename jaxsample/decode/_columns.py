"""Evaluation of given tokens, one column `[B]` after the other or all at once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec

from jaxsample.kernels._auto_axes import in_auto, rows
from jaxsample.transforms.contract._transform import Transform

ROOM = 2  # a state is small if it has at most ROOM times the numbers of a token's hidden state


def over_columns(
    row: Callable[..., tuple[Any, Any]],
    sampler: Transform,
    state: Any,
    given: tuple,
    rebuild: Callable[[Any], tuple[jax.Array, Any]] | None = None,
    prefix: Any = None,
) -> Any:
    """Apply `row` to every token: in order if the sampler has state, else to all at once.

    Args:
        row: `(sampler, state, logits [V], hidden [D], *others) -> (state, result)`, of one token.
        sampler, state: of all rows; the state is `[B, ..]` or a tree without leaves.
        given: `(logits, hidden, *others)`, leaves `[B, N, ..]`.
        rebuild: computes (logits, hidden) `[B, ..]` from hidden, so that `[B, N, V]` never exists.
        prefix: axes of the sampler's leaves for `jax.vmap`; None if all rows share them.

    Returns:
        The results of `row`, with leaves `[B, N, ..]`.
    """
    each_row = in_auto(
        jax.vmap(row, in_axes=(prefix, *(0,) * (len(given) + 1))), lambda *_: batch_of(*given)
    )
    if rebuild is None and not jax.tree.leaves(state):
        every = jax.vmap(functools.partial(each_row, sampler, state), in_axes=1, out_axes=1)
        return every(*given)[1]

    def body(state, column):
        logits, hidden, *others = column
        if rebuild is not None:
            logits, hidden = rebuild(hidden)
        return each_row(sampler, state, logits, hidden, *others)

    count = jax.tree.leaves(given)[0].shape[1]
    small = rebuild is not None and _numbers(state, 1) <= ROOM * _numbers(given, 2)
    return _scan_columns(body, state, given, count, small)


def batch_of(logits: Any, hidden: Any, *_: Any) -> PartitionSpec:
    """Return the spec of results `[B, ..]`, from logits or hidden states `[B, ..]`."""
    return rows(hidden if logits is None else logits)


def _scan_columns(body, state, given, count, small):
    """Scan over the second axis of `given`; the gradient stores no `[B, N, V]` logits.

    The backward pass computes each column of logits `[B, V]` again. A large state is stored for
    about 2 sqrt(count) columns alone, and the columns between these are computed a third time.
    """
    chunk = max(count if small else math.isqrt(count), 1)
    chunks = -(-count // chunk)

    def split(x):
        x = jnp.swapaxes(x, 0, 1)
        x = jnp.pad(x, ((0, chunks * chunk - count), *((0, 0),) * (x.ndim - 1)))
        return x.reshape(chunks, chunk, *x.shape[1:])

    def join(x):
        return jnp.swapaxes(x.reshape(chunks * chunk, *x.shape[2:])[:count], 0, 1)

    def some(state, columns):
        return lax.scan(jax.checkpoint(body), state, columns)

    again = some if small else jax.checkpoint(some)
    return jax.tree.map(join, lax.scan(again, state, jax.tree.map(split, given))[1])


def _numbers(tree, axes):
    """Return how many numbers the leaves have for one token, in the axes after the first `axes`."""
    return sum(math.prod(x.shape[axes:]) for x in jax.tree.leaves(tree))
