"""Blocks of consecutive tokens: maxima, and sums in a fixed order."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import ad

from jaxsample.kernels._per_row import per_row

BLOCK = 128  # consecutive tokens in a block; draws depend on it, so it must never change


def blocks(x: jax.Array, fill: float) -> jax.Array:
    """Divide rows `[.., V]` into blocks `[.., ceil(V / BLOCK), BLOCK]`, padded with `fill`."""
    count = -(-x.shape[-1] // BLOCK)
    width = [(0, 0)] * (x.ndim - 1) + [(0, count * BLOCK - x.shape[-1])]
    return jnp.pad(x, width, constant_values=fill).reshape(*x.shape[:-1], count, BLOCK)


def block_sums(x: jax.Array) -> jax.Array:
    """Sum each block `[.., BLOCK]` of integers, or of floats in one fixed order."""
    return _block_sums.bind(x[None])[0][0]


def tree_sum(x: jax.Array) -> jax.Array:
    """Sum a row `[V]` in a fixed order: inside blocks, then adjacent pairs of blocks.

    The same terms give the same bits, whether they are computed in a batch, alone or on several
    devices.
    """
    return pair_sum(block_sums(blocks(x, 0.0)))


def tree_sum_of(x: jax.Array, tokens: jax.Array, size: int) -> jax.Array:
    """Return the `tree_sum` of a row `[size]` that holds the terms `x` `[K]` of tokens, else 0."""
    ids = tokens // BLOCK
    # The first token of each block stands for it, so that K blocks are summed, not all.
    first = jnp.argmax(ids[:, None] == ids[None, :], axis=1).astype(jnp.int32)
    places = first * BLOCK + tokens % BLOCK
    some = jnp.zeros(x.shape[0] * BLOCK, x.dtype).at[places].set(x).reshape(-1, BLOCK)
    sums = jnp.zeros(-(-size // BLOCK), x.dtype).at[ids].add(block_sums(some))
    return pair_sum(sums)


@jax.custom_jvp
def pair_sum(x: jax.Array) -> jax.Array:
    """Sum an array `[n]` by adding adjacent pairs until one number is left."""
    while x.shape[0] > 1:
        pairs = jnp.pad(x, (0, x.shape[0] % 2)).reshape(-1, 2)
        x = pairs[:, 0] + pairs[:, 1]
    return x[0]


@pair_sum.defjvp
def _(primals, tangents):
    # A derivative needs no fixed order, and the pairs would store one array for every level.
    return pair_sum(*primals), jnp.sum(*tangents)


def _shapes(x: Any):
    return [x.update(shape=x.shape[:-1], weak_type=False)]


def _plain(x):
    return [jnp.sum(x, axis=-1, dtype=x.dtype)]


def _by_slices(x):
    # Adding slices of eight is the order of additions that XLA on the CPU turns into vectors.
    parts = jax.lax.optimization_barrier(x.reshape(*x.shape[:-1], BLOCK // 8, 8))
    eight = functools.reduce(jnp.add, (parts[..., i, :] for i in range(BLOCK // 8)))
    eight = jax.lax.optimization_barrier(eight)
    return [functools.reduce(jnp.add, (eight[..., i] for i in range(8)))]


_block_sums = per_row("block_sums", _shapes, _plain, cpu=_by_slices)


def _derivative(primals, tangents):
    return _block_sums.bind(*primals), [jnp.sum(ad.instantiate_zeros(tangents[0]), axis=-1)]


ad.primitive_jvps[_block_sums] = _derivative
