"""Sums in one fixed order, so that the same terms always give the same bits."""

import jax
import jax.numpy as jnp

BLOCK = 64  # consecutive tokens in a block: part of what a draw means, so it never changes


def blocks(x: jax.Array, fill: float) -> jax.Array:
    """Cut a row `[V]` into blocks `[ceil(V / BLOCK), BLOCK]`, the last filled up with `fill`."""
    count = -(-x.shape[0] // BLOCK)
    padded = jnp.pad(x, (0, count * BLOCK - x.shape[0]), constant_values=fill)
    return padded.reshape(count, BLOCK)


def block_sums(x: jax.Array) -> jax.Array:
    """Sum the last axis (a power of two long) by adding its two halves until one is left."""
    while x.shape[-1] > 1:
        half = x.shape[-1] // 2
        x = x[..., :half] + x[..., half:]
    return x[..., 0]


def tree_sum(x: jax.Array) -> jax.Array:
    """Sum a row `[V]`: halves inside blocks, then adjacent pairs over blocks.

    Rounding is monotone, so for terms >= 0 dropping terms (as exact zeros) never raises the sum:
    a threshold on such sums is well defined.
    """
    return pair_sums(block_sums(blocks(x, 0.0)))


def pair_sums(sums: jax.Array) -> jax.Array:
    """Sum the sums of blocks `[n]` by adding adjacent pairs until one is left."""
    while sums.shape[0] > 1:
        pairs = jnp.pad(sums, (0, sums.shape[0] % 2)).reshape(-1, 2)
        sums = pairs[:, 0] + pairs[:, 1]
    return sums[0]
