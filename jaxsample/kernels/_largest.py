"""The largest values of a row, found without sorting it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import ad

from jaxsample.kernels._blocks import BLOCK, blocks, count_blocks, whole_blocks
from jaxsample.kernels._per_row import per_row

WIDTH = 64  # how many of the largest values are found
CELL = BLOCK // 2  # smaller blocks, so that fewer tokens must be ranked


class Largest(NamedTuple):
    """The result of one pass over a row.

    Attributes:
        tops: `[ceil(V / BLOCK)]`, the maximum of each block; NaN for a block with a NaN.
        values: `[min(V, WIDTH)]`, the largest values in descending order.
        tokens: their tokens; equal values are in any order.
        edge: no value outside is larger; -inf if there is none outside, +inf if the largest
            values were not looked for.
    """

    tops: jax.Array
    values: jax.Array
    tokens: jax.Array
    edge: jax.Array


def largest(x: jax.Array) -> Largest:
    """Find the maxima of blocks and the largest values of a row `[V]` float32.

    A GPU does not look for the largest values, because its sorts cost more than they save.
    """
    return Largest(*(out[0] for out in _largest.bind(x[None])))


def row_max(tops: jax.Array) -> jax.Array:
    """Return the maximum of a row from the maxima of its blocks; NaN if one is NaN."""
    return _row_max.bind(tops[None])[0][0]


def top_k(values: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Return `lax.top_k(values, k)`.

    The barriers keep XLA on the CPU from replacing a top-k by a sort when its output is sliced.
    One barrier around both outputs would crash the compiler for a sharded vocabulary.
    """
    found, places = lax.top_k(values, k)
    return lax.optimization_barrier(found), lax.optimization_barrier(places)


def _shapes(x: Any):
    rows, size = x.shape
    wide = x.update(shape=(rows, min(size, WIDTH)), weak_type=False)
    tops = wide.update(shape=(rows, count_blocks(x.shape[1])))
    return [tops, wide, wide.update(dtype=jnp.dtype(jnp.int32)), wide.update(shape=(rows,))]


def _without(x, devices):
    count = min(x.shape[1], WIDTH)
    none = jnp.full((x.shape[0], count), -jnp.inf, x.dtype)
    return [
        _tops(x, devices),
        none,
        jnp.zeros(none.shape, jnp.int32),
        jnp.full(x.shape[0], jnp.inf, x.dtype),
    ]


def _directly(x, devices):
    """Rank all values; a TPU has an instruction for it."""
    size = x.shape[1]
    values, tokens = top_k(x, min(size, WIDTH))
    edge = values[:, -1] if size > WIDTH else jnp.full(x.shape[0], -jnp.inf, x.dtype)
    return [_tops(x, devices), values, tokens, edge]


def _by_cells(x, devices):
    values, tokens, maxima = ranked_by_cells(x, devices)
    if maxima is None:
        return _directly(x, devices)
    tops = _maxima(maxima.reshape(x.shape[0], -1, 2))[:, : count_blocks(x.shape[1])]
    return [tops, values, tokens, values[:, -1]]


def ranked_by_cells(
    x: jax.Array, devices: int = 1
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Rank the values of the cells with the largest maxima, of rows `[R, V]`.

    Fewer than k cells have a maximum above the k-th largest value, so the k cells with the largest
    maxima hold the k largest values. Returns the values, their tokens, and the maxima of all cells;
    no maxima if the row is short.
    """
    if x.shape[1] <= WIDTH * CELL:
        return *top_k(x, min(x.shape[1], WIDTH)), None
    cells = whole_blocks(x, -jnp.inf, devices).reshape(x.shape[0], -1, CELL)
    maxima = lax.optimization_barrier(_maxima(cells))
    ids = top_k(maxima, WIDTH)[1]
    found = jnp.take_along_axis(cells, ids[:, :, None], axis=1, mode="promise_in_bounds")
    values, places = top_k(found.reshape(x.shape[0], -1), WIDTH)
    within = jnp.take_along_axis(ids, places // CELL, axis=1, mode="promise_in_bounds")
    return values, within * CELL + places % CELL, maxima


def _tops(x, devices):
    return _maxima(whole_blocks(x, -jnp.inf, devices))[:, : count_blocks(x.shape[1])]


def _maxima(x):
    # Reduce NaN separately, because jnp.max skips NaN on the CPU in jax 0.10. One reduction for
    # both, because XLA on the CPU would read the row again for a second one.
    start = jnp.array(-jnp.inf, x.dtype), jnp.array(False)
    maxima, bad = lax.reduce((x, jnp.isnan(x)), start, _larger, (x.ndim - 1,))
    return jnp.where(bad, jnp.nan, maxima)


def _larger(a, b):
    return jnp.maximum(a[0], b[0]), a[1] | b[1]


def _maximum(tops, devices):
    if devices > 1:  # they exchange one array instead of two
        bad = jnp.isnan(tops)
        both = jnp.stack([jnp.where(bad, -jnp.inf, tops), bad.astype(tops.dtype)], axis=1)
        top, bad = jnp.moveaxis(jnp.max(both, axis=2), 1, 0)
        return [jnp.where(bad > 0, jnp.nan, top)]
    # Rounding to the precision of float32 changes nothing. Without it, XLA on the CPU broadcasts
    # this one number to the size of the row before it subtracts it.
    return [lax.reduce_precision(_maxima(tops), 8, 23)]


_largest = per_row("largest", _shapes, _without, cpu=_by_cells, tpu=_directly)


def _derivative(primals, tangents):
    tops, values, tokens, edge = _largest.bind(*primals)
    (slopes,) = map(ad.instantiate_zeros, tangents)
    tops_slopes = jax.jvp(lambda x: jnp.max(blocks(x, -jnp.inf), axis=2), primals, (slopes,))[1]
    slopes = jnp.take_along_axis(slopes, tokens, axis=1, mode="fill", fill_value=0)
    none = np.zeros(tokens.shape, jax.dtypes.float0)
    outs = [tops, values, tokens, edge]
    return outs, [tops_slopes, slopes, none, jnp.zeros_like(edge)]


ad.primitive_jvps[_largest] = _derivative
_row_max = per_row("row_max", lambda tops: [tops.update(shape=tops.shape[:1])], _maximum)


def _slope(primals, tangents):
    slopes = map(ad.instantiate_zeros, tangents)
    return _row_max.bind(*primals), [jax.jvp(lambda x: jnp.max(x, axis=1), primals, (*slopes,))[1]]


ad.primitive_jvps[_row_max] = _slope
