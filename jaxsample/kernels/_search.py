"""The threshold of a row: the value at which its largest values together reach a weight."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad

from jaxsample.kernels._per_row import per_row
from jaxsample.kernels._search_accelerators import search_on_gpu, search_on_tpu

BINS = 128 * 128
NEAR = 32.0  # nearly all thresholds lie this near to the maximum; the first look divides this range


def reached(values: jax.Array, weights: jax.Array, want: jax.Array, top: jax.Array) -> jax.Array:
    """Return the largest value t of a row such that the weights of values >= t sum to >= want.

    The result is -inf if all weights together sum to less. Weights are integers, whose sums do not
    depend on their order, so every device and every batch finds the same value.

    Args:
        values: `[V]` float32 without NaN; -inf for tokens that do not count.
        weights: `[V]` int32, >= 0 and 0 where the value is -inf; they sum to less than 2**31.
        want: int32; if it is 0, the result is the largest value, and `top` must be that value.
        top: no value is larger. The search is fastest if the threshold is a little below it.
    """
    row = values, weights, jnp.asarray(want, jnp.int32), jnp.asarray(top, jnp.float32)
    return _reached.bind(*(x[None] for x in row))[0][0]


def ordered(x: jax.Array) -> jax.Array:
    """Map float32 to int32 so that the order is kept (-0 is just below +0); its own inverse."""
    bits = lax.bitcast_convert_type(x, jnp.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def unordered(key: jax.Array) -> jax.Array:
    """Invert `ordered`."""
    return lax.bitcast_convert_type(key ^ ((key >> 31) & 0x7FFFFFFF), jnp.float32)


def _shapes(values, weights, want, top):
    return [want.update(dtype=jnp.dtype(jnp.float32), weak_type=False)]


def _by_histograms(*rows):
    """Find each row's threshold with histograms over ever smaller ranges, two nearly always."""
    if rows[0].shape[0] > 1:
        return [lax.map(lambda row: _row(*row), rows)]
    return [_row(*(x[0] for x in rows))[None]]


def _row(values, weights, want, top):
    values, weights = lax.optimization_barrier((values, weights))
    scale = BINS / NEAR
    place = jnp.minimum((top - values) * scale, BINS - 1.0).astype(jnp.int32)
    i, total = _first(place, weights, want)
    # All values in this bin lie between these two, whatever the rounding of the place was.
    margin = 1.0 + 2.0**-20
    low = ordered(top - (i + 1).astype(jnp.float32) / scale * margin) - 1
    high = ordered(top - i.astype(jnp.float32) / scale / margin) + 1
    low = jnp.where(i == BINS - 1, ordered(-jnp.finfo(jnp.float32).max), low)
    high = jnp.minimum(high, ordered(top))

    def narrowed(bounds):
        # The barrier keeps XLA from writing all keys before the loop.
        low, high, row = lax.optimization_barrier((*bounds, values))
        shift = 32 - lax.clz(_gap(high, low) // BINS)
        gaps = _gap(high, jnp.minimum(ordered(row), high)) >> shift
        place = jnp.minimum(gaps, BINS - 1).astype(jnp.int32)
        i = _first(place, weights, want)[0].astype(jnp.uint32)
        below = jnp.maximum(_below(high, ((i + 1) << shift) - 1), low)
        below = jnp.where(i == BINS - 1, low, below)
        return below, _below(high, i << shift)

    found = lax.while_loop(lambda bounds: bounds[0] < bounds[1], narrowed, (low, high))[1]
    return jnp.where(total < want, -jnp.inf, unordered(found))


def _gap(high, low):
    # Unsigned, because two int32 may be further apart than int32 can say.
    return high.astype(jnp.uint32) - low.astype(jnp.uint32)


def _below(high, gap):
    return (high.astype(jnp.uint32) - gap).astype(jnp.int32)


def _first(places, weights, want):
    """Return the first bin at which the weights so far sum to at least `want`, and their total."""
    bins = jnp.zeros(BINS, jnp.int32).at[places].add(weights, mode="promise_in_bounds")
    groups = bins.reshape(-1, 128)
    sums = jnp.sum(groups, axis=1, dtype=jnp.int32)
    group, before = _reach(sums, want)
    place = group * 128 + _reach(groups[group], want - before)[0]
    return place, jnp.sum(sums, dtype=jnp.int32)


def _reach(weights, want):
    less = jnp.cumsum(weights, dtype=jnp.int32) < want
    i = jnp.sum(less, dtype=jnp.int32)
    before = jnp.sum(jnp.where(less, weights, 0), dtype=jnp.int32)
    return jnp.minimum(i, weights.shape[0] - 1), before


def _on_accelerator(search):
    def code(values, weights, want, top):
        del top
        # No weight is wanted of the largest value.
        return [jnp.where(want > 0, search(values, weights, want), jnp.max(values, axis=1))]

    return code


_reached = per_row(
    "reached",
    _shapes,
    _on_accelerator(search_on_gpu),
    cpu=_by_histograms,
    tpu=_on_accelerator(search_on_tpu),
)


def _derivative(primals, tangents):
    found = _reached.bind(*primals)
    return found, [jnp.zeros_like(found[0])]  # the threshold is constant almost everywhere


ad.primitive_jvps[_reached] = _derivative
