"""Sums in a fixed order, so that the same terms always give the same bits."""

import functools

import jax
import jax.numpy as jnp
from jax import lax

BLOCK = 64  # consecutive tokens in a block; draws depend on it, so it must never change


def blocks(x: jax.Array, fill: float) -> jax.Array:
    """Divide a row `[V]` into blocks `[ceil(V / BLOCK), BLOCK]`, padded with `fill`."""
    count = -(-x.shape[0] // BLOCK)
    padded = jnp.pad(x, (0, count * BLOCK - x.shape[0]), constant_values=fill)
    return padded.reshape(count, BLOCK)


def block_maxima(x: jax.Array) -> jax.Array:
    """Return the maximum of each block of a row `[V]`; NaN for a block with a NaN."""
    return _maxima(blocks(x, -jnp.inf))


@jax.custom_jvp
def _maxima(x):
    # Reduce NaN separately, because jnp.max skips NaN on the CPU in jax 0.10. One reduction for
    # both, because XLA on the CPU would read the row again for a second one.
    start = jnp.array(-jnp.inf, x.dtype), jnp.array(False)
    maxima, bad = lax.reduce((x, jnp.isnan(x)), start, _larger, (1,))
    return jnp.where(bad, jnp.nan, maxima)


@_maxima.defjvp
def _(primals, tangents):
    # lax.reduce with a custom function has no derivative.
    by_halves = functools.partial(_halved, combine=jnp.maximum)
    return _maxima(*primals), jax.jvp(by_halves, primals, tangents)[1]


def _larger(a, b):
    return jnp.maximum(a[0], b[0]), a[1] | b[1]


def row_max(tops: jax.Array) -> jax.Array:
    """Return the maximum of a row from the maxima of its blocks.

    Rounding to the precision of float32 changes nothing. Without it, XLA on the CPU broadcasts this
    one number to the size of the row before it subtracts it.
    """
    return lax.reduce_precision(jnp.max(tops), 8, 23)


def once(x: jax.Array) -> jax.Array:
    """Return a number as the result of a reduction, so that XLA computes it only once.

    XLA on the CPU would otherwise recompute a threshold, with its logarithms, for every token that
    is compared with it.
    """
    return jnp.max(jnp.where(jnp.arange(2) == 0, x, -jnp.inf))


def block_sums(x: jax.Array) -> jax.Array:
    """Sum the last axis, whose length is a power of two, by adding halves until one is left."""
    return _halved(x, jnp.add)


@jax.custom_jvp
def tree_sum(x: jax.Array) -> jax.Array:
    """Sum a row `[V]` by adding halves inside blocks, then adjacent pairs of blocks.

    Rounding is monotone, so replacing terms >= 0 by zeros never raises the sum. A threshold on
    such sums is therefore well defined.
    """
    return pair_sums(block_sums(blocks(x, 0.0)))


@tree_sum.defjvp
def _(primals, tangents):
    # A derivative needs no fixed order, and the tree would store one array for every level.
    return tree_sum(*primals), jnp.sum(*tangents)


def tree_sums(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the `tree_sum` of each of two rows `[V]`, computed in one loop.

    The two rows are the parts of complex numbers. With two loops, XLA on the CPU would materialise
    the values that both rows are computed from.
    """
    both = tree_sum(lax.complex(a, b))
    return both.real, both.imag


def pair_sums(sums: jax.Array) -> jax.Array:
    """Sum an array `[n]` by adding adjacent pairs until one number is left."""
    # Two numbers have the same sum in any order. Written as a reduction, the first level ends a
    # fusion of XLA on the CPU, so that the terms are added as they are computed and never stored.
    pairs = jnp.sum(_pairs(sums), axis=1)
    while pairs.shape[0] > 1:
        some = _pairs(pairs)
        pairs = some[:, 0] + some[:, 1]
    return pairs[0]


def _pairs(x):
    return jnp.pad(x, (0, x.shape[0] % 2)).reshape(-1, 2)


def _halved(x, combine):
    while x.shape[-1] > 1:
        half = x.shape[-1] // 2
        x = combine(x[..., :half], x[..., half:])
    return x[..., 0]
