"""One draw for every row, each by the cheapest way that is exact for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels.draw import draw_blocks, draw_clean
from jaxsample.kernels.validity import Clean
from jaxsample.transforms.base import Transform
from jaxsample.transforms.plan import through_window
from jaxsample.transforms.row import Row
from jaxsample.transforms.window import Window

SHORT, LONG, DENSE = "short", "long", "dense"


class Drawn(NamedTuple):
    """A token drawn from one row.

    Attributes:
        token: int32.
        final: the row the token was drawn from.
        received: what `sampler.settle` needs.
        exact: whether all of these are those of the dense tier; None if this is it.
        longer: whether the long window is worth a try if it is not; None if it never is.
    """

    token: jax.Array
    final: Row | Window
    received: Any
    exact: jax.Array | None
    longer: jax.Array | None


def draw_through(
    tier: str, key: jax.Array, row: Row, sampler: Transform, state: Any, hidden: jax.Array | None
) -> Drawn:
    """Draw from one row through a sampler, on a window where the tier and the sampler allow it."""
    found = None
    if tier != DENSE:
        found = through_window(sampler, row, state, hidden, short=tier == SHORT)
    if found is None:
        final, received = sampler.through(row, state, hidden)
        token = draw_clean(key, Clean(final.values, final.tops, final.valid))
        return Drawn(token, final, received, None, None)
    window, received, longer = found
    token = draw_blocks(key, window.values - window.max, window.ids, window.valid)
    exact = (window.exact & window.inside) | ~window.valid
    return Drawn(token, window.closed, received, exact, longer)


def by_tiers(draw: Callable, axes: Any, *args: Any) -> Any:
    """Return `draw(DENSE, *row)` for every row of `args`, computed faster where that is exact.

    Args:
        draw: `(tier, *row) -> (outputs, exact, longer)`, the last two as in `Drawn`.
        axes: of the arguments, as for `jax.vmap`.
        args: at least one of them carries rows.

    All rows try the short window; if any fails that may do better, all try the long one; what still
    fails runs dense, row by row, so that one flat row costs itself and not the batch.
    """

    def run(tier):
        return jax.vmap(functools.partial(draw, tier), in_axes=axes)(*args)

    outputs, exact, longer = run(SHORT)
    if exact is None:
        return outputs

    def try_long():
        again, fine, _ = run(LONG)
        return _choose(exact, outputs, again), exact | fine

    if longer is not None:
        outputs, exact = lax.cond(jnp.any(~exact & longer), try_long, lambda: (outputs, exact))
    if exact.shape[0] == 1:  # in a loop, a row that does not change would be hoisted and always run
        return lax.cond(exact[0], lambda: outputs, lambda: run(DENSE)[0])

    def next_row(carry):
        outputs, exact = carry
        i = jnp.argmin(exact)
        row = draw(DENSE, *_row(args, axes, i))[0]
        return jax.tree.map(lambda x, new: x.at[i].set(new), outputs, row), exact.at[i].set(True)

    return lax.while_loop(lambda carry: ~jnp.all(carry[1]), next_row, (outputs, exact))[0]


def _choose(first, a, b):
    choose = jax.vmap(lambda p, x, y: jax.tree.map(functools.partial(jnp.where, p), x, y))
    return choose(first, a, b)


def _row(args, axes, i):
    """Take row i of arguments whose rows lie along `axes`, a prefix as `jax.vmap` takes it."""

    def take(x):
        if x.ndim > 1 or not jnp.issubdtype(x.dtype, jnp.number):
            return x[i]
        # A number by a reduction: XLA on the CPU would take a slice anew for each token it is for.
        mine = jnp.where(jnp.arange(x.shape[0]) == i, x, jnp.zeros((), x.dtype))
        return jnp.sum(mine, dtype=x.dtype)

    def take_all(axis, tree):
        return tree if axis is None else jax.tree.map(take, tree)

    return jax.tree.map(take_all, axes, args, is_leaf=lambda a: a is None)
