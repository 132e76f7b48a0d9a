"""Sums in one fixed order, so that the same terms always give the same bits."""

import functools

import jax
import jax.numpy as jnp
from jax import lax

BLOCK = 64  # consecutive tokens in a block: part of what a draw means, so it never changes


def blocks(x: jax.Array, fill: float) -> jax.Array:
    """Cut a row `[V]` into blocks `[ceil(V / BLOCK), BLOCK]`, the last filled up with `fill`."""
    count = -(-x.shape[0] // BLOCK)
    padded = jnp.pad(x, (0, count * BLOCK - x.shape[0]), constant_values=fill)
    return padded.reshape(count, BLOCK)


def block_maxima(x: jax.Array) -> jax.Array:
    """Return the maximum of each block of a row `[V]`, NaN where there is one."""
    return _maxima(blocks(x, -jnp.inf))


@jax.custom_jvp
def _maxima(x):
    # NaNs apart: in jax 0.10 on the CPU jnp.max passes over one. In one reduction, as XLA on the
    # CPU would read the row once more for a second.
    start = jnp.array(-jnp.inf, x.dtype), jnp.array(False)
    maxima, bad = lax.reduce((x, jnp.isnan(x)), start, _larger, (1,))
    return jnp.where(bad, jnp.nan, maxima)


@_maxima.defjvp
def _(primals, tangents):
    # What reduces by a function of one's own has no derivative.
    by_halves = functools.partial(_halved, combine=jnp.maximum)
    return _maxima(*primals), jax.jvp(by_halves, primals, tangents)[1]


def _larger(a, b):
    return jnp.maximum(a[0], b[0]), a[1] | b[1]


def row_max(tops: jax.Array) -> jax.Array:
    """Return the maximum of the maxima of blocks.

    Rounding to float32's own precision changes nothing, but without it XLA on the CPU writes this
    one number out once per token before it subtracts it.
    """
    return lax.reduce_precision(jnp.max(tops), 8, 23)


def once(x: jax.Array) -> jax.Array:
    """Return a number as what a reduction gives.

    Where a comparison of a row with a threshold follows, XLA on the CPU would otherwise compute the
    threshold, its logarithms too, anew for each token.
    """
    return jnp.max(jnp.where(jnp.arange(2) == 0, x, -jnp.inf))


def block_sums(x: jax.Array) -> jax.Array:
    """Sum the last axis (a power of two long) by adding its two halves until one is left."""
    return _halved(x, jnp.add)


@jax.custom_jvp
def tree_sum(x: jax.Array) -> jax.Array:
    """Sum a row `[V]`: halves inside blocks, then adjacent pairs over blocks.

    Rounding is monotone, so for terms >= 0 dropping terms (as exact zeros) never raises the sum:
    a threshold on such sums is well defined.
    """
    return pair_sums(block_sums(blocks(x, 0.0)))


@tree_sum.defjvp
def _(primals, tangents):
    # A derivative needs no fixed order; back through the tree it would be written out per level.
    return tree_sum(*primals), jnp.sum(*tangents)


def tree_sums(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the `tree_sum` of each of two rows `[V]`, read together.

    As the parts of complex numbers two sums share one loop, and what both rows are made of is
    computed once; XLA on the CPU would write it out for two loops.
    """
    both = tree_sum(lax.complex(a, b))
    return both.real, both.imag


def pair_sums(sums: jax.Array) -> jax.Array:
    """Sum the sums of blocks `[n]` by adding adjacent pairs until one is left."""
    # Two numbers have one sum in any order. As a reduction the first pairs part what XLA on the
    # CPU fuses: then halves are added as the terms are computed, and no `[V]` of them is written.
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
