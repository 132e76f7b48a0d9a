"""One draw for every row, each by the cheapest way that is exact for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

SHORT, LONG, DENSE = "short", "long", "dense"


def by_tiers(draw: Callable, axes: Any, *args: Any) -> Any:
    """Return `draw(DENSE, *row)` for every row of `args`, computed faster where that is exact.

    Args:
        draw: `(tier, *row) -> (outputs, exact)`; `exact` is None if the tier was run densely, and
            else a scalar bool that says whether the outputs are those of the dense tier.
        axes: of the arguments, as for `jax.vmap`.
        args: at least one of them carries rows.

    All rows try the short window; if any fails, all try the long one; what still fails runs dense,
    row by row, so that one flat row costs itself and not the batch.
    """

    def run(tier):
        return jax.vmap(functools.partial(draw, tier), in_axes=axes)(*args)

    outputs, exact = run(SHORT)
    if exact is None:
        return outputs

    def longer():
        again, fine = run(LONG)
        return _choose(exact, outputs, again), exact | fine

    outputs, exact = lax.cond(jnp.all(exact), lambda: (outputs, exact), longer)
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

    def take(axis, tree):
        return tree if axis is None else jax.tree.map(lambda x: x[i], tree)

    return jax.tree.map(take, axes, args, is_leaf=lambda a: a is None)
