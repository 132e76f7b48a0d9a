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


def reached(values: jax.Array, weights: jax.Array, want: jax.Array) -> jax.Array:
    """Return the largest value t of a row such that the weights of values >= t sum to >= want.

    The result is -inf if all weights together sum to less. Weights are integers, whose sums do not
    depend on their order, so every device and every batch finds the same value.

    Args:
        values: `[V]` float32 without NaN; -inf for tokens that do not count.
        weights: `[V]` int32, >= 0 and 0 where the value is -inf; they sum to less than 2**31.
        want: int32; the result is the largest value if it is 0.
    """
    return _reached.bind(values[None], weights[None], jnp.asarray(want, jnp.int32)[None])[0][0]


def ordered(x: jax.Array) -> jax.Array:
    """Map float32 to int32 so that the order is kept (-0 is just below +0); its own inverse."""
    bits = lax.bitcast_convert_type(x, jnp.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def unordered(key: jax.Array) -> jax.Array:
    """Invert `ordered`."""
    return lax.bitcast_convert_type(key ^ ((key >> 31) & 0x7FFFFFFF), jnp.float32)


def _shapes(values, weights, want):
    return [want.update(dtype=jnp.dtype(jnp.float32), weak_type=False)]


def _by_histograms(values, weights, want):
    """Find each row's threshold with histograms over ever smaller ranges, two nearly always."""
    if values.shape[0] > 1:
        return [lax.map(lambda row: _row(*row), (values, weights, want))]
    return [_row(values[0], weights[0], want[0])[None]]


def _row(values, weights, want):
    values, weights = lax.optimization_barrier((values, weights))
    top, scale = jnp.max(values), BINS / NEAR
    place = jnp.minimum((top - values) * scale, BINS - 1.0).astype(jnp.int32)
    i = _first(place, weights, want)
    # All values in this bin lie between these two, whatever the rounding of the place was.
    margin = 1.0 + 2.0**-20
    low = ordered(top - (i + 1).astype(jnp.float32) / scale * margin) - 1
    high = ordered(top - i.astype(jnp.float32) / scale / margin) + 1
    low = jnp.where(i == BINS - 1, ordered(-jnp.finfo(jnp.float32).max), low)
    high = jnp.minimum(high, ordered(top))

    def narrowed(bounds):
        low, high = bounds
        shift = 32 - lax.clz(_gap(high, low) // BINS)
        gaps = _gap(high, jnp.minimum(ordered(values), high)) >> shift
        place = jnp.minimum(gaps, BINS - 1).astype(jnp.int32)
        i = _first(place, weights, want).astype(jnp.uint32)
        below = jnp.maximum(_below(high, ((i + 1) << shift) - 1), low)
        below = jnp.where(i == BINS - 1, low, below)
        return below, _below(high, i << shift)

    found = lax.while_loop(lambda bounds: bounds[0] < bounds[1], narrowed, (low, high))[1]
    return jnp.where(jnp.sum(weights, dtype=jnp.int32) < want, -jnp.inf, unordered(found))


def _gap(high, low):
    # Unsigned, because two int32 may be further apart than int32 can say.
    return high.astype(jnp.uint32) - low.astype(jnp.uint32)


def _below(high, gap):
    return (high.astype(jnp.uint32) - gap).astype(jnp.int32)


def _first(places, weights, want):
    """Return the first bin at which the weights of all bins so far sum to at least `want`."""
    bins = jnp.zeros(BINS, jnp.int32).at[places].add(weights, mode="promise_in_bounds")
    groups = bins.reshape(-1, 128)
    group, before = _reach(jnp.sum(groups, axis=1, dtype=jnp.int32), want)
    return group * 128 + _reach(groups[group], want - before)[0]


def _reach(weights, want):
    less = jnp.cumsum(weights, dtype=jnp.int32) < want
    i = jnp.sum(less, dtype=jnp.int32)
    before = jnp.sum(jnp.where(less, weights, 0), dtype=jnp.int32)
    return jnp.minimum(i, weights.shape[0] - 1), before


def _on_accelerator(search):
    def code(values, weights, want):
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
