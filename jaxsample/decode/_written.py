"""The steps of rows that stand at different columns: arrays `[B, N, ..]`, and writing into them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._step import Step


def unwritten(like: Any, rows: int, length: int) -> Step:
    """Return zeros `[rows, length, ..]` for steps `[.., ..]` of the shapes of `like`."""
    return jax.tree.map(lambda s: jnp.zeros((rows, length, *s.shape[1:]), s.dtype), like)


def write(
    written: Step,
    drawn: Step,
    column: jax.Array,
    here: jax.Array,
    row: jax.Array | None = None,
) -> Step:
    """Write a step `[B, ..]` into `column` `[B]` of `row` `[B]`, where `here` `[B]` is true.

    Without `row`, the steps are those of all rows in order.
    """
    rows, length = written.tokens.shape
    row = jnp.arange(rows) if row is None else row
    places = row, jnp.where(here, column, length)  # outside, where it is dropped
    return jax.tree.map(lambda all, new: all.at[places].set(new, mode="drop"), written, drawn)
