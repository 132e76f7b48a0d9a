"""Strings that end a row, as a finite automaton over token ids."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._exported import exported

FOUND = 1  # the state after a string was written


@exported
class StopStrings(NamedTuple):
    """Strings that end a row, however their characters are split into tokens.

    `jaxsample.interop.stop_strings` makes it. It is the `stop` of `generate`, `stream`, `resume`
    and `step`. A pytree; strings of about the same length share compiled programs.

    Attributes:
        classes: `[V]` int32, the class of each token.
        table: `[S, C]` int32, the next state; state 0 is the start, state 1 the end.
        mark: int32, a checksum of the strings. A row that another mark began starts anew.

    >>> from jaxsample.interop import stop_strings
    >>> stop = stop_strings("bc", [b"a", b"ab", b"cab", b"d"])
    >>> generate(jax.random.key(0), bigram, table, jnp.array([[0]]), TopK(1), max_new_tokens=4,
    ...          stop=stop).tokens
    Array([[1, 2, 0, 0]], dtype=int32)
    """

    classes: jax.Array
    table: jax.Array
    mark: jax.Array

    def after(self, place: jax.Array, tokens: jax.Array, live: jax.Array) -> jax.Array:
        """Return the place `[B, 2]` after a token of each row; other than `live` rows keep it."""
        mark = jnp.broadcast_to(self.mark, tokens.shape)
        state = jnp.where(place[:, 0] == mark, place[:, 1], 0)
        state = jnp.asarray(self.table)[state, jnp.asarray(self.classes)[tokens]]
        return jnp.where(live[:, None], jnp.stack([mark, state], axis=1), place)
