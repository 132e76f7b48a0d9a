"""Work on whole rows, a few of them at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jax.interpreters import ad

from jaxsample.kernels._per_row import per_row

CACHED = 2**18  # numbers of an array that a CPU works on at once, so that it stays in the cache
# This was measured on two cores alone. XLA runs the body of a loop on one thread, so on many cores
# the whole batch at once may be faster.


def few_rows(compute: Callable[[], Any]) -> Any:
    """Return `compute()`, the results for one row; in a batch, a CPU takes a few rows at a time.

    The intermediate arrays then stay in its cache. An accelerator takes the whole batch.

    Args:
        compute: a function of no arguments, about one row. Its result must not depend on how many
            rows are computed at once.
    """
    trees = []

    def flat():
        leaves, tree = jax.tree.flatten(compute())
        trees.append(tree)
        return leaves

    closed = jax.make_jaxpr(flat)()
    operands = (jnp.asarray(x)[None] for x in closed.consts)
    outs = _few_rows.bind(*operands, jaxpr=closed.jaxpr)
    return jax.tree.unflatten(trees[0], [x[0] for x in outs])


def _shapes(*operands, jaxpr):
    rows = _rows(operands)
    return [v.aval.update(shape=(rows, *v.aval.shape), weak_type=False) for v in jaxpr.outvars]


def _rows(operands):
    return next((x.shape[0] for x in operands if x.shape[0] != 1), 1)


def _one(jaxpr, consts):
    return jaxpr_as_fun(ClosedJaxpr(jaxpr, list(consts)))()


def _at_once(*operands, jaxpr):
    rows = _rows(operands)
    axes = [0 if x.shape[0] == rows else None for x in operands]
    given = [x if axis == 0 else x[0] for x, axis in zip(operands, axes, strict=True)]
    return jax.vmap(lambda *row: _one(jaxpr, row), in_axes=axes, axis_size=rows)(*given)


def _few_at_once(*operands, jaxpr):
    rows = _rows(operands)
    widest = max((math.prod(x.shape[1:]) for x in operands), default=1)
    count = max(CACHED // widest, 1)
    # `jax.export` may leave the number of rows open.
    if not isinstance(rows, int) or rows <= count:
        return _at_once(*operands, jaxpr=jaxpr)
    own = [x.shape[0] == rows for x in operands]

    def one(some):
        left = iter(some)
        row = (next(left) if mine else x[0] for x, mine in zip(operands, own, strict=True))
        return _one(jaxpr, row)

    return lax.map(
        one, [x for x, mine in zip(operands, own, strict=True) if mine], batch_size=count
    )


_few_rows = per_row("few_rows", _shapes, _at_once, cpu=_few_at_once, shares=True)


def _derivative(primals, tangents, **params):
    tangents = tuple(map(ad.instantiate_zeros, tangents))
    return jax.jvp(lambda *xs: _at_once(*xs, **params), tuple(primals), tangents)


ad.primitive_jvps[_few_rows] = _derivative
