"""Two-level Gumbel-max draws of one token from one row."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._auto_axes import in_auto
from jaxsample.kernels._blocks import BLOCK, block_sums, blocks
from jaxsample.kernels._everywhere import everywhere
from jaxsample.kernels._float_bits import power_to
from jaxsample.kernels._noise import gumbel, one_key
from jaxsample.kernels._validity import clean

BLOCK_STREAM, TOKEN_STREAM = 1, 0  # streams of the noise of blocks and of tokens
FINE = 22  # the largest weight of a block has this many bits, so a block's sum has fewer than 31
FAINTEST = 2.0**-60  # no noise lifts a block whose largest weight is smaller


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
@in_auto
def _draw(key, logits):
    fit, found, top, valid = clean(logits)
    key = one_key(key)
    whole = blocks(logits, -jnp.inf)
    block = draw_block(key, fit(whole) - top, found.tops - top)
    token = draw_inside(key, block, fit(of_block(whole, block)) - top)
    return jnp.where(valid, token, -1)


def draw_block(key: jax.Array, below: jax.Array, tops: jax.Array | None = None) -> jax.Array:
    """Draw a block from the log-weights `below` `[n, BLOCK]`, values minus the largest value.

    Args:
        key: one threefry key.
        below: -inf for tokens that are never drawn.
        tops: the maximum of each block of `below`, if it is known.
    """
    tops = jnp.max(below, axis=1) if tops is None else tops
    scale = _scale(tops)
    masses = block_sums(_integers(jnp.exp(below), scale[:, None]))
    return _likeliest(key, jnp.arange(below.shape[0], dtype=jnp.int32), masses, scale)


def draw_block_of(key: jax.Array, below: jax.Array, tokens: jax.Array) -> jax.Array:
    """Draw the block of `draw_block` from the tokens `[K]` alone, if no other has any weight."""
    ids = tokens // BLOCK
    same = (ids[:, None] == ids[None, :]) & (below > -jnp.inf)[None, :]
    scale = _scale(jnp.max(jnp.where(same, below[None, :], -jnp.inf), axis=1))
    weights = _integers(jnp.exp(below), scale)
    masses = jnp.sum(jnp.where(same, weights[None, :], 0), axis=1, dtype=jnp.int32)
    return _likeliest(key, ids, masses, scale)


def draw_inside(key: jax.Array, block: jax.Array, below: jax.Array) -> jax.Array:
    """Draw a token of a block from the log-weights `below` `[BLOCK]` of its tokens."""
    tokens = block * BLOCK + jnp.arange(BLOCK, dtype=jnp.int32)
    return _lowest(tokens, below + gumbel(key, TOKEN_STREAM, tokens), below > -jnp.inf)


def of_block(whole: jax.Array, block: jax.Array) -> jax.Array:
    """Return one of the blocks `[n, BLOCK]` of a row."""
    # A gather moves only one block between devices if the vocabulary is sharded; a slice does not.
    return whole[block[None]][0]


def _likeliest(key, ids, masses, scale):
    score = jnp.log(jnp.maximum(masses, 1).astype(jnp.float32)) - jnp.log(scale)
    score = everywhere(jnp.where(masses > 0, score, -jnp.inf))
    return _lowest(ids, score + gumbel(key, BLOCK_STREAM, ids), score > -jnp.inf)


def _scale(tops):
    """Return a power of two of about 1 / exp(top) for each block.

    Every block has its own, so that an unlikely block is drawn as exactly as a likely one.
    """
    return lax.optimization_barrier(power_to(jnp.maximum(jnp.exp(tops), FAINTEST), 0))


def _integers(weights, scale):
    # Integers have the same sum in every order: in a row, in the largest values and on devices.
    return (weights * (scale * 2.0**FINE) + 0.5).astype(jnp.int32)


def _lowest(ids, scores, possible):
    """Return the id with the largest score, the lowest of equal ones."""
    # argmax makes XLA on the CPU recompute the noise for every element.
    scores = lax.optimization_barrier(jnp.where(possible, scores, -jnp.inf))
    return jnp.min(jnp.where(scores == jnp.max(scores), ids, jnp.iinfo(jnp.int32).max))
