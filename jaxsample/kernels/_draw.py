"""Two-level Gumbel-max draws of one token from one row."""

import functools

import jax
import jax.numpy as jnp

from jaxsample.kernels._noise import gumbel, one_key
from jaxsample.kernels._tree import BLOCK, block_sums, blocks
from jaxsample.kernels._validity import clean


def draw(key: jax.Array, logits: jax.Array) -> jax.Array:
    """Draw a token from the softmax of one row of logits.

    The token depends on the key and the row alone. The row is divided into blocks of `BLOCK`
    consecutive tokens. The draw first selects the block with the largest log-mass +
    Gumbel(key, 1, block), and then the token in that block with the largest log-weight +
    Gumbel(key, 0, token). So it needs V / BLOCK + BLOCK random numbers instead of V. Ties go to the
    lowest block, then to the lowest token.

    Args:
        key: a PRNG key of any implementation.
        logits: `[V]`, any floating type; -inf is never drawn.

    Returns:
        The token, int32; -1 if the row has a NaN or nothing above -inf.

    Raises:
        ValueError: if `logits` is not one row, or `key` is not one key.

    Reference: Gumbel-max, Maddison et al., 2014, https://arxiv.org/abs/1411.0030

    >>> draw(jax.random.key(0), jnp.array([-jnp.inf, 0.0, -jnp.inf]))
    Array(1, dtype=int32)
    """
    return _draw(jnp.asarray(key), jnp.asarray(logits))


@functools.partial(jax.jit, inline=True)
def _draw(key, logits):
    row = clean(logits)
    return draw_clean(one_key(key), row.values, row.max, row.valid)


def draw_clean(key: jax.Array, values: jax.Array, top: jax.Array, valid: jax.Array) -> jax.Array:
    """Draw from `clean` values with maximum `top`, under one threefry key."""
    rows = blocks(values - top, -jnp.inf)
    return draw_blocks(key, rows, jnp.arange(rows.shape[0]), valid)


def draw_blocks(key: jax.Array, below: jax.Array, ids: jax.Array, valid: jax.Array) -> jax.Array:
    """Draw from the blocks `[K, BLOCK]` of a row that contain all kept tokens.

    Args:
        key: one threefry key.
        below: log-weights, that is, values minus the largest value.
        ids: `[K]`, the indices of the blocks, ascending.
        valid: scalar bool; the token is -1 if it is False.
    """
    masses = block_sums(jnp.exp(below))
    ids = ids.astype(jnp.uint32)
    scores = jnp.log(jnp.where(masses > 0, masses, 1.0)) + gumbel(key, 1, ids)
    block = _first_max(jnp.where(masses > 0, scores, -jnp.inf))

    tokens = ids[block] * BLOCK + jnp.arange(BLOCK, dtype=jnp.uint32)
    # A gather moves only one block between devices if the vocabulary is sharded; a slice does not.
    inside = below[block[None]][0]
    token = tokens[_first_max(inside + gumbel(key, 0, tokens))]
    return jnp.where(valid, token.astype(jnp.int32), -1)


def _first_max(scores):
    # argmax makes XLA on the CPU recompute the noise for every element.
    places = jnp.arange(scores.shape[0], dtype=jnp.int32)
    return jnp.min(jnp.where(scores == jnp.max(scores), places, scores.shape[0] - 1))
