"""A model from a cache that has one write index for the whole batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._model import Model
from jaxsample.interop.models._whole_text import output, write


def one_row(
    init_cache: Callable[[int], Any],
    step: Callable[[Any, jax.Array, jax.Array, Any], tuple[jax.Array, Any]],
    rewind: Callable[[Any, jax.Array], Any] | None = None,
    unembed: Callable[[Any, jax.Array], jax.Array] | None = None,
) -> Model:
    """Make a `Model` from functions for a batch of one row, each row with a cache of its own.

    Most libraries keep one write index for the whole batch. Rows of different lengths then read
    and overwrite slots of each other's. Here `step` is mapped over the rows, so each row has its
    index. The cache must be keys and values with a slot for each of `max_length` positions. Use
    `one_token` for a recurrent state, and for a ring, the cache of a sliding window that is shorter
    than the text: there padding wraps over tokens that still count. Or give the layer a slot for
    each position, and mask by the window. The same functions give an equal model, which compiles
    nothing anew.

    Args:
        init_cache: `(max_length) -> cache` of a batch of one row.
        step: `(params, tokens [1, T], positions [1, T], cache) -> (logits [1, T, V], cache)`, or
            hidden states `[1, T, D]` if `unembed` is given. Positions are consecutive. The tokens
            at the end may be padding, which a causal model does not see.
        rewind: `(cache, length []) -> cache` whose write index is `length`. A cache without an
            index of its own, where `step` writes at the positions, needs none.
        unembed: see `Model`.

    >>> def init_cache(max_length):  # the last token of each prefix
    ...     return {"seen": jnp.zeros((1, max_length), jnp.int32), "index": jnp.int32(0)}
    >>> def step(table, tokens, positions, cache):
    ...     seen = jax.lax.dynamic_update_slice(cache["seen"], tokens, (0, cache["index"]))
    ...     return table[tokens], {"seen": seen, "index": cache["index"] + tokens.shape[1]}
    >>> model = one_row(init_cache, step, lambda cache, length: cache | {"index": length})
    >>> out = generate(jax.random.key(0), model, table, jnp.array([[0, 1], [2, 0]]), TopK(1),
    ...                lengths=[2, 1], max_new_tokens=2)
    >>> out.decoding.cache.cache["index"]
    Array([4, 3], dtype=int32)
    """
    apply = _RowByRow(step, rewind, unembed is not None)
    return Model(_FirstRows(init_cache), apply, unembed, rewinds=True)


class Rows(NamedTuple):
    """The cache of a model of `one_row`.

    Attributes:
        text: `[B, max_length]` int32, the tokens read so far.
        cache: the cache of one row, with a leading axis `[B]` on every leaf.
    """

    text: jax.Array
    cache: Any


@dataclasses.dataclass(frozen=True)
class _FirstRows:
    init_cache: Callable

    def __call__(self, batch, max_length):
        text = jnp.zeros((batch, max_length), jnp.int32)
        return Rows(text, repeat(self.init_cache(max_length), batch))


def repeat(cache: Any, batch: int) -> Any:
    """Give every leaf of the cache of one row a leading axis `[B]`."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *jnp.shape(x))), cache)


@dataclasses.dataclass(frozen=True)
class _RowByRow:
    step: Callable
    rewind: Callable | None
    hidden: bool

    def __call__(self, params, tokens, positions, rows):
        if tokens.shape[1] > rows.text.shape[1]:
            raise ValueError(f"{tokens.shape[1]} tokens do not fit a cache of {rows.text.shape[1]}")
        text = write(rows.text, tokens, positions)
        row = jax.vmap(self.row, (None, 0, 0, 0))
        out, cache = row(params, positions, text, rows.cache)
        return output(out, self.hidden, Rows(text, cache))

    def row(self, params, positions, text, cache):
        """Read the tokens of a row, which `text` holds already.

        A slice that would end behind the cache is written earlier than asked for, over other
        tokens. So the slice starts early enough to end inside it, and the tokens before the first
        new one are read again.
        """
        width = positions.shape[0]
        count = jnp.sum(positions >= 0, dtype=jnp.int32)
        end = jnp.max(positions) + 1
        new = jnp.maximum(end - count, 0)
        first = jnp.minimum(new, text.shape[0] - width)
        columns = jnp.arange(width, dtype=jnp.int32)
        before = cache if self.rewind is None else self.rewind(cache, first)
        tokens = lax.dynamic_slice(text, (first,), (width,))
        out, after = self.step(params, tokens[None], (first + columns)[None], before)
        if self.rewind is not None:
            after = self.rewind(after, end)
        out = out[0][jnp.minimum(columns + new - first, width - 1)] if width > 1 else out[0]
        return out, jax.tree.map(lambda a, b: jnp.where(count > 0, a, b), after, cache)
