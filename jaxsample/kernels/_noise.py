"""Gumbel noise as a pure function of key, stream and index."""

import jax
import jax.numpy as jnp

_ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)


def as_key(key: jax.Array) -> jax.Array:
    """Convert any PRNG key, or batch of keys, to typed threefry keys of the same shape.

    Accepts typed keys of every implementation, and legacy uint32 keys `[.., 2]` or `[.., 4]`. The
    extra words of a longer key are folded in, so every word affects the draw. The noise always
    comes from threefry, independent of JAX's default implementation.

    Raises:
        ValueError: if `key` is not a PRNG key.
    """
    key = jnp.asarray(key)
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        words = jax.random.key_data(key)
    elif key.dtype == jnp.uint32 and key.ndim and key.shape[-1] in (2, 4):
        words = key
    else:
        raise ValueError(
            f"key must be a PRNG key such as jax.random.key(0), got {key.dtype}{list(key.shape)}"
        )
    folded = jax.random.wrap_key_data(words[..., :2], impl="threefry2x32")
    for i in range(2, words.shape[-1]):
        folded = fold_in(folded, words[..., i])
    return folded


def one_key(key: jax.Array) -> jax.Array:
    """Convert one PRNG key to a typed threefry key; ValueError for a batch of keys."""
    key = as_key(key)
    if key.ndim:
        raise ValueError(f"one key is needed, got {list(key.shape)}; use jax.vmap for a batch")
    return key


def fold_in(key: jax.Array, data: jax.Array | int) -> jax.Array:
    """Fold an integer, or one integer per key, into a batch of threefry keys."""
    data = jnp.broadcast_to(jnp.asarray(data).astype(jnp.uint32), key.shape)
    fold = jax.random.fold_in
    for _ in key.shape:
        fold = jax.vmap(fold)
    return fold(key, data)


def gumbel(key: jax.Array, stream: int, index: jax.Array) -> jax.Array:
    """Return standard Gumbel noise for each index (uint32) of a stream under one threefry key."""
    return from_bits(bits(key, stream, index))


def uniform(key: jax.Array, stream: int, index: jax.Array) -> jax.Array:
    """Return a multiple of 2**-24 in [0, 1) for each index (uint32) of a stream under one key."""
    return (bits(key, stream, index) >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def bits(key: jax.Array, stream: int, index: jax.Array) -> jax.Array:
    """Return 32 random bits for each index (uint32) of a stream under one threefry key."""
    words = jax.random.key_data(key)
    high = jnp.full(index.shape, stream, jnp.uint32)
    return _threefry(words[0], words[1], high, index.astype(jnp.uint32))


def from_bits(random: jax.Array) -> jax.Array:
    """Convert 32 random bits to Gumbel noise in [-2.82, 22.88].

    The uniform number has its finest resolution near 0, where the largest values come from.
    """
    v = (random.astype(jnp.float32) + 0.5) * jnp.float32(2**-32)
    v = jnp.minimum(v, jnp.float32(1 - 2**-24))
    return -jnp.log(-jnp.log1p(-v))


def _threefry(k0, k1, x0, x1):
    """Return the first output word of the 20-round Threefry-2x32 cipher (Salmon et al., 2011)."""
    keys = k0, k1, k0 ^ k1 ^ jnp.uint32(0x1BD11BDA)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = (x1 << rotation) | (x1 >> (32 - rotation))
            x1 = x1 ^ x0
        x0, x1 = x0 + keys[(i + 1) % 3], x1 + keys[(i + 2) % 3] + jnp.uint32(i + 1)
    return x0
