"""Blocks of consecutive tokens: maxima, and sums in a fixed order."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad

from jaxsample.kernels._everywhere import everywhere, multiple
from jaxsample.kernels._float_bits import power_to
from jaxsample.kernels._per_row import per_row

BLOCK = 128  # consecutive tokens in a block; draws depend on it, so it must never change


def count_blocks(size: int) -> int:
    """Return how many blocks a row of `size` tokens has."""
    return -(-size // BLOCK)


def blocks(x: jax.Array, fill: float) -> jax.Array:
    """Divide rows `[.., V]` into blocks `[.., ceil(V / BLOCK), BLOCK]`, padded with `fill`."""
    rows = x.reshape(-1, x.shape[-1])
    return _blocks.bind(rows, fill=fill)[0].reshape(*x.shape[:-1], -1, BLOCK)


def block_sums(x: jax.Array) -> jax.Array:
    """Sum each block `[.., BLOCK]` of integers, or of floats in one fixed order."""
    return _block_sums.bind(x[None])[0][0]


def tree_sum(x: jax.Array) -> jax.Array:
    """Sum a row `[V]`, or its blocks, in a fixed order: inside blocks, then the sums of blocks.

    The same terms give the same bits, whether they are computed in a batch, alone or on several
    devices.
    """
    return fixed_sum(block_sums(blocks(x, 0.0) if x.ndim == 1 else x))


def fixed_sum(x: jax.Array) -> jax.Array:
    """Sum an array `[n]` of floats; the same numbers give the same bits everywhere on a device."""
    return _total.bind(x[None])[0][0]


def _in_blocks(x: Any, fill: float):
    return [x.update(shape=(x.shape[0], count_blocks(x.shape[1]), BLOCK), weak_type=False)]


def whole_blocks(x: jax.Array, fill: float, devices: int) -> jax.Array:
    """Divide rows `[R, V]` into blocks, as many on each device that shares the vocabulary.

    Then only the ends of the part of a device move.
    """
    count = multiple(count_blocks(x.shape[1]), devices)
    width = (0, count * BLOCK - x.shape[1])
    padded = jnp.pad(x, ((0, 0), width), constant_values=fill)
    return padded.reshape(x.shape[0], count, BLOCK)


def _divided(x, fill, devices=1):
    return [whole_blocks(x, fill, devices)[:, : count_blocks(x.shape[1])]]


def _shapes(x: Any):
    return [x.update(shape=x.shape[:-1], weak_type=False)]


def _plain(x):
    return [jnp.sum(x, axis=-1, dtype=x.dtype)]


def _by_slices(x):
    # Adding slices of eight is the order of additions that XLA on the CPU turns into vectors.
    # The terms are written before they are divided: loops over eight terms would be slow.
    parts = lax.optimization_barrier(x).reshape(*x.shape[:-1], BLOCK // 8, 8)
    eight = functools.reduce(jnp.add, (parts[..., i, :] for i in range(BLOCK // 8)))
    eight = lax.optimization_barrier(eight)
    return [functools.reduce(jnp.add, (eight[..., i] for i in range(8)))]


def _by_pairs(x):
    while x.shape[1] > 1:
        pairs = jnp.pad(x, ((0, 0), (0, x.shape[1] % 2))).reshape(x.shape[0], -1, 2)
        x = pairs[..., 0] + pairs[..., 1]
    return [x[:, 0]]


def _in_two_words(x):
    """Sum integers, whose order does not matter: the upper bits of each number and the lower ones.

    An accelerator would need a kernel for each level of pairs.
    """
    bits = 29 - max(x.shape[1] - 1, 1).bit_length()
    x = everywhere(x)
    top = jnp.max(jnp.abs(x), axis=1, keepdims=True)
    unit = power_to(top, bits)
    upper = (x * unit).astype(jnp.int32)
    lower = ((x * unit - upper.astype(jnp.float32)) * 2.0**bits).astype(jnp.int32)
    upper, lower = (jnp.sum(i, axis=1, dtype=jnp.int32).astype(jnp.float32) for i in (upper, lower))
    return [(upper + lower * 2.0**-bits) / unit[:, 0]]


_blocks = per_row("blocks", _in_blocks, _divided)
_block_sums = per_row("block_sums", _shapes, _plain, cpu=_by_slices)
_total = per_row("total", _shapes, _in_two_words, cpu=_by_pairs)


def _linear(primitive):
    def derivative(primals, tangents):
        slopes = jnp.sum(ad.instantiate_zeros(tangents[0]), axis=-1)  # needs no fixed order
        return primitive.bind(*primals), [slopes]

    return derivative


def _division(primals, tangents, fill):
    slopes = _divided(ad.instantiate_zeros(tangents[0]), 0.0)
    return _blocks.bind(*primals, fill=fill), slopes


ad.primitive_jvps[_blocks] = _division
for _primitive in (_block_sums, _total):
    ad.primitive_jvps[_primitive] = _linear(_primitive)
