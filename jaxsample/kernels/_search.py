"""The threshold of a row: the value at which its largest values together reach a weight."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jax.interpreters import ad

from jaxsample.kernels._float_bits import ordered, unordered
from jaxsample.kernels._largest import ranked_by_cells
from jaxsample.kernels._per_row import per_row
from jaxsample.kernels._search_accelerators import search_on_gpu, search_on_tpu
from jaxsample.kernels._validity import HIGHEST, LOWEST

SIDE = 32  # bins lie in SIDE groups of SIDE groups of SIDE bins
BINS = SIDE**3
NEAR = 16.0  # nearly all thresholds lie this near below the start; the bins divide it
SCALE = (BINS - 2) / NEAR


def reached(
    values: jax.Array,
    weigh: Callable[[jax.Array], jax.Array],
    want: jax.Array,
    top: jax.Array,
    start: jax.Array,
    weights: jax.Array | None = None,
) -> jax.Array:
    """Return the largest value t of a row such that the weights of values >= t sum to >= want.

    The result is -inf if all weights together sum to less. Weights are integers, whose sums do not
    depend on their order, so every device and every batch finds the same value.

    Args:
        values: float32 without NaN, of any shape; -inf for tokens that do not count.
        weigh: maps values to weights, int32, >= 0 and 0 where the value is -inf; they sum to less
            than 2**31.
        want: int32; the result is the largest value if it is 0.
        top: the largest value.
        start: a guess. The search on a CPU is fast if the threshold is a little below it.
        weights: `weigh(values)`, if it exists already. A CPU reads it; an accelerator computes
            weights anew in every pass, which is faster than to read them.
    """
    closed = jax.make_jaxpr(weigh)(values)
    numbers = jnp.asarray(want, jnp.int32), *(jnp.asarray(x, jnp.float32) for x in (top, start))
    written = () if weights is None else (weights,)
    row = values, *numbers, *written, *closed.consts
    params = {"jaxpr": closed.jaxpr, "written": bool(written)}
    return _reached.bind(*(jnp.asarray(x)[None] for x in row), **params)[0][0]


def reached_in(values: jax.Array, weights: jax.Array, want: jax.Array) -> jax.Array:
    """Return what `reached` returns for a few values `[K]`, in any order."""
    above = values[None, :] >= values[:, None]
    sums = jnp.sum(jnp.where(above, weights[None, :], 0), axis=1, dtype=jnp.int32)
    return jnp.max(jnp.where(sums >= want, values, -jnp.inf))


def _shapes(values, want, top, *others, **params):
    return [top.update(weak_type=False)]


def _by_histograms(values, want, top, start, *others, jaxpr, written):
    """Find the bin of each row's threshold with a histogram."""
    weights = others[0] if written else _weigh(jaxpr, others)(values)
    values, weights = (x.reshape(x.shape[0], -1) for x in (values, weights))
    rows = values, weights, want, top, start
    if values.shape[0] > 1:
        return [lax.map(lambda row: _row(*row), rows)]
    return [_row(*(x[0] for x in rows))[None]]


def _row(values, weights, want, top, start):
    # A branch is compiled apart from the code around it, so all searches share their kernels.
    return lax.cond(want > 0, _searched, lambda *_: top, values, weights, want, start)


def _searched(values, weights, want, start):
    start = jnp.clip(start, LOWEST, HIGHEST)
    # The first bin holds all that lies above the start, and the last all that lies far below it.
    place = jnp.clip((start - values) * SCALE + 1.0, 0.0, BINS - 1.0).astype(jnp.int32)
    i, left, total = _first(place, weights, want)

    # Few tokens lie in the bin of the threshold, so they are ranked.
    some, tokens, _ = ranked_by_cells(jnp.where(place == i, values, -jnp.inf)[None])
    some, tokens = some[0], tokens[0]
    found = reached_in(some, weights.at[tokens].get(mode="fill", fill_value=0), left)
    done = (found > -jnp.inf) | (total < want)
    return lax.cond(done, lambda: found, lambda: _by_halves(values, weights, want))


def _first(places, weights, want):
    """Return the first bin up to which the weights sum to `want`.

    Also returns what is needed of that bin, and the sum of all weights. There are three levels of
    sums, because a cumulative sum over all bins would be slow.
    """
    bins = jnp.zeros(BINS, jnp.int32).at[places].add(weights, mode="promise_in_bounds")
    small = bins.reshape(-1, SIDE)
    large = jnp.sum(small, axis=1, dtype=jnp.int32).reshape(-1, SIDE)
    sums = jnp.sum(large, axis=1, dtype=jnp.int32)
    i, left = _reach(sums, want)
    j, left = _reach(large[i], left)
    i = i * SIDE + j
    j, left = _reach(small[i], left)
    return i * SIDE + j, left, jnp.sum(sums, dtype=jnp.int32)


def _by_halves(values, weights, want):
    """Bisect the floats; for rows with many equal or very small values."""

    def halve(bounds):
        low, high = bounds
        gap = high.astype(jnp.uint32) - low.astype(jnp.uint32)  # may be too large for int32
        middle = low + (gap // 2 + gap % 2).astype(jnp.int32)
        reaches = jnp.sum(jnp.where(ordered(values) >= middle, weights, 0), dtype=jnp.int32) >= want
        return jnp.where(reaches, middle, low), jnp.where(reaches, high, middle - 1)

    bounds = ordered(jnp.float32(LOWEST)), ordered(jnp.float32(HIGHEST))
    return unordered(lax.while_loop(lambda b: b[0] < b[1], halve, bounds)[0])


def _reach(weights, want):
    """Return the first index up to which the weights sum to `want`, and what it needs of it."""
    i = jnp.arange(SIDE, dtype=jnp.int32)
    # A cumulative sum would be several kernels; this is one, and small.
    before = jnp.sum(jnp.where(i[:, None] > i[None, :], weights[None, :], 0), 1, dtype=jnp.int32)
    found = jnp.max(jnp.where(before < want, i, 0))
    return found, want - jnp.max(jnp.where(before < want, before, 0))


def _weigh(jaxpr, consts):
    """Return the function from values `[R, ..]` to weights."""

    def each(values, consts):
        return jaxpr_as_fun(ClosedJaxpr(jaxpr, consts))(values)[0]

    return lambda values: jax.vmap(each)(values, list(consts))


def _on_accelerator(search):
    def code(values, want, top, start, *others, jaxpr, written):
        del start
        found = search(values, _weigh(jaxpr, others[written:]), want)
        return [jnp.where(want > 0, found, top)]

    return code


_reached = per_row(
    "reached",
    _shapes,
    _on_accelerator(search_on_gpu),
    cpu=_by_histograms,
    tpu=_on_accelerator(search_on_tpu),
)


def _derivative(primals, tangents, **params):
    found = _reached.bind(*primals, **params)
    return found, [jnp.zeros_like(found[0])]  # the threshold is constant almost everywhere


ad.primitive_jvps[_reached] = _derivative
