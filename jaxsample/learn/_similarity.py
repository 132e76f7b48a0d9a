"""Similarity of two texts: positive definite kernels that are 1 for equal texts."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp


def exact_match(a: jax.Array, a_length: jax.Array, b: jax.Array, b_length: jax.Array) -> jax.Array:
    """Return 1 if two texts `[N]` and `[M]` are equal, else 0.

    >>> a, b = jnp.array([1, 2, 3, 4]), jnp.array([1, 2, 3, 5])
    >>> exact_match(a, 4, b, 4), exact_match(a, 3, b, 3)
    (Array(0., dtype=float32), Array(1., dtype=float32))
    """
    return jnp.all(_agreement(a, a_length, b, b_length)).astype(jnp.float32)


def hamming(a: jax.Array, a_length: jax.Array, b: jax.Array, b_length: jax.Array) -> jax.Array:
    """Return the share of positions at which two texts agree.

    The number of positions is the padded width. Positions past the end of both texts agree;
    positions past the end of one text do not.

    >>> a, b = jnp.array([1, 2, 3, 4]), jnp.array([1, 2, 3, 5])
    >>> hamming(a, 4, b, 4), hamming(a, 3, b, 3)
    (Array(0.75, dtype=float32), Array(1., dtype=float32))
    """
    return jnp.mean(_agreement(a, a_length, b, b_length).astype(jnp.float32))


def _agreement(a, a_length, b, b_length):
    width = max(a.shape[0], b.shape[0])
    places = jnp.arange(width)
    a, b = (
        jnp.where(places < length, jnp.pad(x, (0, width - x.shape[0])), -1)
        for x, length in ((a, a_length), (b, b_length))
    )
    return a == b


def ngrams(n: int):
    """Return a kernel: the cosine of the n-gram counts of two texts, 0 if one text has no n-gram.

    Raises:
        ValueError: if `n` is not an int >= 1.

    >>> a, b = jnp.array([1, 2, 3]), jnp.array([1, 2, 4])
    >>> ngrams(2)(a, 3, b, 3)  # the texts share one of their two pairs
    Array(0.5, dtype=float32)
    """
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n must be an int >= 1, got {n!r}")
    return functools.partial(_ngrams, n)


def _ngrams(n, a, a_length, b, b_length):
    def shared(x, x_length, y, y_length):
        same = jnp.ones((_windows(x, n), _windows(y, n)), bool)
        for i in range(n):
            left, right = x[i : i + same.shape[0]], y[i : i + same.shape[1]]
            same &= left[:, None] == right[None, :]
        same &= jnp.arange(same.shape[0])[:, None] <= x_length - n
        same &= jnp.arange(same.shape[1])[None, :] <= y_length - n
        return jnp.sum(same, dtype=jnp.float32)

    own = shared(a, a_length, a, a_length) * shared(b, b_length, b, b_length)
    return jnp.where(own > 0, shared(a, a_length, b, b_length) / jnp.sqrt(jnp.maximum(own, 1.0)), 0)


def _windows(x, n):
    return max(x.shape[0] - n + 1, 0)
