"""Draws through a window where that is exact, and through the whole row elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._draw import draw_blocks, draw_clean
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.rows._through_window import through_window
from jaxsample.transforms.rows._window import ROWS, Window

WINDOW, DENSE = "window", "dense"


class Drawn(NamedTuple):
    """A token drawn from one row.

    Attributes:
        token: int32.
        raw: the row before the sampler.
        final: the row after the sampler, from which the token was drawn.
        received: the argument of `sampler.settle`.
        exact: whether all of these equal those of the dense tier; None in the dense tier.
    """

    token: jax.Array
    raw: Row
    final: Row | Window
    received: Any
    exact: jax.Array | None


def draw_through(
    tier: str,
    key: jax.Array,
    logits: jax.Array,
    sampler: Transform,
    state: Any,
    hidden: jax.Array | None,
) -> Drawn:
    """Draw from one row through a sampler, on a window if the tier and the sampler allow it."""
    row, found = Row.of(logits), None
    if tier == WINDOW:
        found = through_window(sampler, row, lambda: Row.of(logits), state, hidden)
    if found is None:
        final, received = sampler.through(row, state, hidden)
        token = draw_clean(key, final.values, final.max, final.valid)
        return Drawn(token, row, final, received, None)
    window, received = found
    token = draw_blocks(key, window.values - window.max, window.ids, window.valid)
    exact = (window.exact & window.inside) | ~window.valid
    return Drawn(token, row, window.close(), received, exact)


def by_tiers(draw: Callable, axes: Any, *args: Any) -> Any:
    """Return `draw(DENSE, *row)` for every row of `args`, computed faster if that is exact.

    All rows try the window. Rows for which it is not exact run through the dense tier one by one,
    so that a single flat row does not slow down the batch.

    Args:
        draw: `(tier, *row) -> (outputs, exact)`, with `exact` as in `Drawn`.
        axes: of the arguments, as for `jax.vmap`.
        args: at least one of them carries rows.
    """

    def run(tier):
        each = functools.partial(draw, tier)
        return jax.vmap(each, in_axes=axes, axis_name=ROWS)(*args)

    outputs, exact = run(WINDOW)
    if exact is None:
        return outputs
    if exact.shape[0] == 1:  # XLA would hoist the only row out of a loop and always run it
        return lax.cond(exact[0], lambda: outputs, lambda: run(DENSE)[0])

    def run_one_dense(carry):
        outputs, exact = carry
        i = jnp.argmin(exact)
        row = draw(DENSE, *_take_row(args, axes, i))[0]
        return jax.tree.map(lambda x, new: x.at[i].set(new), outputs, row), exact.at[i].set(True)

    return lax.while_loop(lambda carry: ~jnp.all(carry[1]), run_one_dense, (outputs, exact))[0]


def _take_row(args, axes, i):
    """Return row i of arguments whose rows lie along `axes`, a prefix as `jax.vmap` takes it."""

    def take(x):
        if x.ndim > 1 or not jnp.issubdtype(x.dtype, jnp.number):
            return x[i]
        # XLA on the CPU would repeat a slice for every token that reads the number.
        mine = jnp.where(jnp.arange(x.shape[0]) == i, x, jnp.zeros((), x.dtype))
        return jnp.sum(mine, dtype=x.dtype)

    def take_all(axis, tree):
        return tree if axis is None else jax.tree.map(take, tree)

    return jax.tree.map(take_all, axes, args, is_leaf=lambda a: a is None)
